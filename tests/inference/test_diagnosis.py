"""A fit says when it is not to be trusted, and why."""

from math import inf, nan

import pytest
import torch
from torch.distributions import Normal, StudentT, constraints

from vae.inference.convergence import judge_trace
from vae.inference.diagnosis import advice, diagnose, khat_threshold
from vae.inference.families import Flow, FullRank, LowRank, MeanField, Mixture
from vae.inference.optimizing import fit
from vae.inference.space import Space

LEVEL = torch.zeros(50, dtype=torch.float64)
SPACE = Space({"mu": constraints.real, "tau": constraints.positive})


def approach(decay, noise, seed, count=50):
    """A trace that approaches 0 from −20 by the factor exp(−decay) over the whole run."""
    x = torch.linspace(0, 1, count, dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    scatter = torch.randn(count, generator=generator, dtype=torch.float64)
    return -20 * torch.exp(-decay * x) + noise * scatter


@pytest.mark.parametrize("noise", [0.001, 0.05, 0.2])
def test_a_trace_is_converged_when_it_is_level_and_not_before(noise):
    """20 nats are missing at first; what is left at the end is seen beyond the noise."""
    runs = range(200)
    early = [judge_trace(approach(3, noise, i)).converged for i in runs]  # 1 nat is left
    ended = [judge_trace(approach(40, noise, i)).converged for i in runs]
    assert sum(early) <= 2
    assert sum(ended) >= 190  # one in a hundred rises by chance, one falls


def test_a_rise_that_matters_little_counts_only_where_the_run_has_hardly_begun():
    steady = torch.linspace(0, 0.03, 50, dtype=torch.float64)
    assert not judge_trace(steady, dim=10).converged
    begun = torch.cat([torch.full((10,), -5.0), steady])
    assert judge_trace(begun, dim=10).converged
    assert not judge_trace(begun, dim=1).converged
    assert judge_trace(begun, dim=1).text.startswith("still rose by 0.012 ±")


def test_errors_weigh_evaluations():
    """The rise is that of the exact evaluations, whatever those of large errors say."""
    generator = torch.Generator().manual_seed(0)
    errors = torch.where(torch.arange(60) % 2 == 0, 0.01, 10.0).double()
    elbo = torch.linspace(-1, 1, 60).double() + errors * torch.randn(60, generator=generator)
    found = judge_trace(elbo, errors)
    assert found.gain == pytest.approx(19 / 59 * 2, abs=4 * 0.01)
    assert not found.converged


def test_a_trace_that_falls_breaks_off_or_is_short_is_not_converged():
    assert judge_trace(-approach(3, 0.1, 0)).text.startswith("fell by")
    broken = LEVEL.clone()
    broken[7] = nan
    assert judge_trace(broken).text == "was not finite 1 times of 50"
    assert not judge_trace(LEVEL[:14]).converged
    assert judge_trace(LEVEL[:15]).converged


def test_noise_that_would_hide_a_nat_is_told():
    assert judge_trace(approach(40, 0.1, 0)).blind is False
    found = judge_trace(approach(40, 10, 0))
    assert found.blind
    assert "is not seen" in found.text


@pytest.mark.parametrize(("num_samples", "limit"), [(100, 0.5), (1000, 2 / 3), (10_000, 0.7)])
def test_the_limit_of_khat_is_that_of_the_number_of_weights(num_samples, limit):
    assert khat_threshold(num_samples) == pytest.approx(limit)


@pytest.mark.parametrize("degrees", [1.2, 2.0, 4.0, 20.0])
def test_khat_is_the_inverse_of_the_moments_that_the_weights_have(degrees):
    """Weights with the tail of t: k = 1 / degrees, at 2 the limit of 100 weights."""
    torch.manual_seed(0)
    log_w = StudentT(torch.tensor(degrees, dtype=torch.float64)).sample((20_000,)).abs().log()
    found = diagnose(log_w, LEVEL)
    assert found.khat == pytest.approx(1 / degrees, abs=0.15)
    assert found.trusted == (1 / degrees < found.threshold and found.ess >= 10_000)


def test_a_tail_of_nearly_even_weights_does_not_count():
    """The best normal of a Beta posterior in its logit: k̂ is far above the limit."""
    torch.manual_seed(0)
    p = torch.distributions.Beta(*torch.tensor([9.0, 5.0], dtype=torch.float64))
    u = p.sample((100_000,)).logit()
    q = Normal(u.mean(), u.std())
    z = q.sample((2000,))
    log_w = p.log_prob(z.sigmoid()) + z.sigmoid().log() + (-z).sigmoid().log() - q.log_prob(z)
    found = diagnose(log_w, LEVEL)
    assert found.khat > 1
    assert found.trusted, found.sentence
    log_w[0] = 2.5  # one draw in a tail that holds nothing
    found = diagnose(log_w, LEVEL)
    assert found.ess < 0.95 * 2000
    assert found.trusted, found.sentence


@pytest.mark.parametrize(("ratio", "trusted"), [(0.95, True), (0.6, False)])
def test_a_normal_that_is_too_narrow_is_not_trusted_though_its_khat_is_small(ratio, trusted):
    torch.manual_seed(3)
    p, q = Normal(0.0, 1.0), Normal(0.0, ratio)
    z = q.sample((2000,)).double()
    found = diagnose(p.log_prob(z) - q.log_prob(z), LEVEL)
    assert found.khat < found.threshold
    assert found.trusted == trusted
    assert trusted or "effective" in found.sentence


def test_equal_weights_are_trusted_and_few_are_not():
    assert diagnose(torch.zeros(1000), LEVEL).khat == -inf
    assert diagnose(torch.zeros(1000), LEVEL).trusted
    few = diagnose(torch.zeros(24), LEVEL)
    assert not few.trusted
    assert "judged from 25 on" in few.sentence


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_weights_that_are_not_finite_are_not_trusted(bad):
    log_w = torch.randn(1000, dtype=torch.float64) / 10
    log_w[3] = bad
    found = diagnose(log_w, LEVEL)
    assert found.khat == inf
    assert not found.trusted
    assert "1 of its 1,000 importance weights are not finite" in found.sentence


@pytest.mark.parametrize(
    ("family", "tries"),
    [
        (MeanField, '"full_rank" or "flow"'),
        (FullRank, 'try posterior="flow"'),
        (LowRank, "a larger rank"),
        (Mixture, "more components"),
        (Flow, "wider transforms"),
    ],
)
def test_what_to_try_depends_on_the_family(family, tries):
    log_w = 5 * torch.randn(1000, dtype=torch.float64)
    sentence = diagnose(log_w, LEVEL, space=SPACE, family=family(2)).sentence
    assert sentence.startswith("Do not trust the fit: ")
    assert tries in sentence
    assert "vae.mcmc.nuts" in sentence


def test_of_one_dimension_full_rank_is_no_other_family():
    for family in (MeanField, LowRank, FullRank):
        found = advice(family(1), Space({"mu": constraints.real}))
        assert found == 'posterior="flow", or vae.mcmc.nuts started from fit.q'


@pytest.mark.parametrize(
    ("beside", "offered"),
    [
        ({"theta": (constraints.real, (8,))}, True),
        ({"a": constraints.real, "b": constraints.real}, True),
        ({"mu": constraints.real}, False),
        ({}, False),
    ],
)
def test_a_scale_of_several_values_may_be_taken_out_of_them(beside, offered):
    tries = advice(MeanField(2), Space({**beside, "tau": constraints.positive}))
    assert ("a non-centred form of latents whose scale is tau" in tries) == offered


def test_a_run_that_has_not_ended_is_told_to_go_on_before_anything_else():
    log_w = 5 * torch.randn(1000, dtype=torch.float64)
    sentence = diagnose(log_w, approach(3, 0.1, 0), space=SPACE, family=MeanField(2)).sentence
    assert "train longer (for the moment k̂" in sentence
    assert "full_rank" not in sentence
    assert "lower learning rate" in diagnose(log_w, -approach(3, 0.1, 0)).sentence


def ended(lr, seed, *, falling):
    """The diagnosis after 300 steps, which lead there at a rate of .1 and not at one of .005."""
    loc = 3 + torch.arange(10.0).double() / 10
    more = {} if falling else {"schedule": None}
    return fit(
        lambda z: Normal(loc, 0.5).log_prob(z).sum(-1),
        {"z": (constraints.real, (10,))},
        vectorized=True,
        lr=lr,
        steps=300,
        seed=seed,
        quiet=True,
        **more,
    ).diagnosis


def test_a_fit_that_was_stopped_early_says_so():
    early = ended(0.005, 1, falling=False)
    assert "still rose" in early.sentence
    assert not early.converged
    assert not ended(0.005, 0, falling=True).trusted  # its rate has hidden the rise
    late = ended(0.1, 0, falling=True)
    assert late.trusted, late.sentence


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_a_fit_of_any_seed_is_judged_alike(seed):
    assert not ended(0.005, seed, falling=False).converged
    assert ended(0.1, seed, falling=True).trusted
