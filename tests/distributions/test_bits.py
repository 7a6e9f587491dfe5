"""Latent bits: relaxed at any temperature with the density of the draw, and exact in evaluation."""

from math import log

import pytest
import torch
from scipy.integrate import quad
from torch.distributions import RelaxedBernoulli, kl_divergence
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli

from tests.compose import settings_of
from tests.steps import MLP, step
from vae.build import build_model, build_objective
from vae.data import DataSpec
from vae.distributions import (
    BernoulliPosterior,
    BinaryConcrete,
    LogitBinaryConcrete,
    draw,
    fixed_log_prob,
    in_logarithms,
    points,
)

TEMPERATURES = [0.01, 0.1, 0.5, 2.0]
LOGITS = [-4.0, -0.5, 0.0, 7.0]


@pytest.mark.usefixtures("double_precision")
def test_the_relaxation_is_torchs():
    logits = torch.randn(6, 4)
    ours, theirs = BinaryConcrete(0.7, logits), RelaxedBernoulli(torch.tensor(0.7), logits=logits)
    z = ours.rsample((9,))
    assert torch.allclose(ours.log_prob(z), theirs.log_prob(z))
    inner = LogitRelaxedBernoulli(torch.tensor(0.7), logits=logits)
    assert torch.allclose(ours.logarithm.log_prob(z.logit()), inner.log_prob(z.logit()))


def exact_kl(logit):
    """The KL to a fair bit, in which no temperature is left: of one logistic density to another."""

    def density(t):
        return 1 / (4 * torch.cosh(torch.tensor((t - logit) / 2, dtype=torch.float64)).square())

    def at(t):
        ratio = torch.cosh(torch.tensor(t / 2, dtype=torch.float64)).log()
        ratio -= torch.cosh(torch.tensor((t - logit) / 2, dtype=torch.float64)).log()
        return (2 * density(t) * ratio).item()

    return quad(at, logit - 60, logit + 60, limit=500)[0]


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_kl_is_the_exact_one_at_every_temperature(dtype, temperature):
    torch.manual_seed(0)
    logits = torch.tensor(LOGITS, dtype=dtype)
    q, p = (LogitBinaryConcrete(temperature, x) for x in (logits, torch.zeros_like(logits)))
    y = q.rsample((100_000,))
    ratio = (q.log_prob(y) - p.log_prob(y)).double()
    assert ratio.isfinite().all()
    exact = torch.tensor([exact_kl(x) for x in LOGITS], dtype=torch.float64)
    error = ratio.std(0) / len(y) ** 0.5
    assert ((ratio.mean(0) - exact).abs() <= 4 * error + 1e-6).all()


def test_draws_round_to_bits_in_proportion():
    torch.manual_seed(0)
    logits = torch.tensor(LOGITS)
    z = BinaryConcrete(0.1, logits).rsample((40_000,))
    probs = logits.sigmoid()
    error = (probs * (1 - probs) / 40_000).sqrt()
    assert ((z.round().mean(0) - probs).abs() < 4 * error).all()


def test_nets_read_points_between_0_and_1():
    q = in_logarithms(BernoulliPosterior(4, temperature=0.1)(torch.randn(5, 4)))
    y, _ = draw(q, 7)
    z = points(q, y)
    assert torch.equal(z, y.sigmoid())
    assert torch.equal(fixed_log_prob(q, y), q.log_prob(y))


@pytest.mark.usefixtures("double_precision")
def test_bits_are_exact_in_evaluation():
    head = BernoulliPosterior(4).eval()
    q = head(torch.randn(2, 4))
    z, _ = draw(q, 5)
    assert ((z == 0) | (z == 1)).all()
    probs = q.base_dist.probs
    entropy = -(probs * probs.log() + (1 - probs) * (1 - probs).log()).sum(-1)
    for fair in (head(torch.zeros(2, 4)), head(torch.zeros(4))):
        assert torch.allclose(kl_divergence(q, fair), 4 * log(2) - entropy)


def test_bits_without_a_temperature_need_the_score():
    discrete = ["posterior=bernoulli", "posterior.temperature=null"]
    with pytest.raises(ValueError, match=r"needs a posterior with rsample.*Use estimator=score"):
        step([*MLP, *discrete, "estimator=pathwise"])
    assert step([*MLP, *discrete, "estimator=score", "objective.num_samples=2"]).isfinite()


@pytest.mark.parametrize(
    "overrides",
    [
        ["prior=vamp", "prior.num_components=3"],
        ["objective=free_bits"],
        ["objective=iwae", "objective.num_samples=4", "estimator=dreg"],
        ["estimator=stl"],
    ],
)
def test_terms_and_gradients_are_finite_at_a_low_temperature(overrides):
    small = ["data=mnist", "model=mlp", "model.encoder.hidden=[8]", "model.latent_dim=3"]
    chosen = ["posterior=bernoulli", "posterior.temperature=0.01"]
    settings = settings_of(*small, *chosen, *overrides)
    spec = DataSpec("bits", (6,), "boolean", levels=None)
    model = build_model(settings, spec)
    objective = build_objective(settings, model, spec)
    with torch.no_grad():
        model.encoder.net.layers[-1].weight.mul_(50)
    x = torch.bernoulli(torch.full((16, 6), 0.5))
    terms = objective(model(x, num_samples=objective.num_samples()))
    sum(terms.values()).backward()
    assert all(term.isfinite() for term in terms.values())
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_the_temperature_is_checked():
    with pytest.raises(ValueError, match="temperature must be above 0 or null; got 0"):
        BernoulliPosterior(2, temperature=0.0)
    with pytest.raises(ValueError, match="latent_dim must be at least 1"):
        BernoulliPosterior(0)
