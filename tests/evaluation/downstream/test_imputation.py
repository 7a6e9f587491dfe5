"""Imputation against the exact conditional of the linear-Gaussian model."""

from math import log

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.draws import Posterior
from vae.evaluation import Imputation
from vae.evaluation.downstream.imputation import ROWS, rmse
from vae.evaluation.downstream.masks import hidden
from vae.models import imputing
from vae.models.imputing import Chain, impute, r_hat

pytestmark = pytest.mark.usefixtures("double_precision")
MISSING = torch.tensor([False, True, False, True, True, False])


def exact_conditional(gold, x):
    """Return the mean of the missing values given the others, and their log-density."""
    m, o, covariance = MISSING, ~MISSING, gold.marginal.covariance_matrix
    gain = covariance[m][:, o] @ torch.linalg.inv(covariance[o][:, o])
    mean = gold.b[m] + (x[:, o] - gold.b[o]) @ gain.T
    spread = covariance[m][:, m] - gain @ covariance[o][:, m]
    return mean, MultivariateNormal(mean, spread).log_prob(x[:, m])


def limit(model, x, copies, steps):
    """Return mean, its error and log-density after as many steps to forget the start."""
    many, missing = x.repeat(copies, 1), MISSING.expand(copies * len(x), 6)
    start = impute(model, {"x": many}, missing, torch.zeros(6), burn_in=0, steps=steps).draw
    found = impute(model, {"x": many}, missing, start, burn_in=0, steps=steps)
    mean = found.mean.unflatten(0, (copies, -1))
    density = found.log_density.unflatten(0, (copies, -1)).logsumexp(0) - log(copies)
    return mean.mean(0), mean.std(0) / copies**0.5, density


def test_the_chain_finds_the_exact_conditional_mean_though_q_is_not_exact(monkeypatch):
    gold = LinearGaussian()
    x = gold.marginal.sample((4,))
    exact, log_density = exact_conditional(gold, x)
    model = gold.factorised(width=1.5)
    model.encoder.net.bias.data[:3] += 0.05  # its mean is wrong, too
    mean, error, density = limit(model, x, 200, 150)
    mean, error = mean[:, MISSING], error[:, MISSING]
    assert (mean - exact).abs().div(error).max() < 4
    assert error.max() < 0.06
    assert (density - log_density).abs().max() < 0.1
    # Pseudo-Gibbs sampling, which accepts everything, has another limit.
    monkeypatch.setattr(imputing, "Chain", Forced)
    biased, error, _ = limit(model, x, 200, 20)
    assert (biased[:, MISSING] - exact).abs().div(error[:, MISSING]).max() > 10


def test_several_chains_are_averaged():
    gold = LinearGaussian()
    x, model, runs = gold.marginal.sample((5,)), gold.factorised(), []
    for many, chains in ((x, 3), (x.repeat(3, 1), 1)):
        torch.manual_seed(0)
        missing = MISSING.expand_as(many)
        runs.append(impute(model, {"x": many}, missing, x.mean(0), chains=chains, steps=3))
    together, alone = runs
    assert torch.allclose(together.mean, alone.mean.unflatten(0, (3, 5)).mean(0))
    density = alone.log_density.unflatten(0, (3, 5)).logsumexp(0) - log(3)
    assert torch.allclose(together.log_density, density)
    assert torch.equal(together.draw, alone.draw[:5])
    assert 0 < together.acceptance < 1


def test_each_chain_may_start_elsewhere():
    gold = LinearGaussian()
    x = gold.marginal.sample((5,))
    missing, starts = MISSING.expand_as(x), torch.randn(3, *x.shape)
    found = []
    for start in (starts, starts[0], starts[0].expand(3, 5, 6), starts[0, 0], starts[:, :1]):
        torch.manual_seed(0)
        settings = {"chains": 3, "burn_in": 0, "steps": 2}
        found.append(impute(gold.factorised(), {"x": x}, missing, start, **settings).mean)
    assert torch.equal(found[1], found[2])
    assert not torch.equal(found[0], found[1])
    torch.manual_seed(0)
    alone = impute(
        gold.factorised(),
        {"x": x.repeat(3, 1)},
        missing.repeat(3, 1),
        starts.flatten(0, 1),
        burn_in=0,
        steps=2,
    )
    assert torch.allclose(found[0], alone.mean.unflatten(0, (3, 5)).mean(0))


def test_chains_that_agree_are_told_from_chains_that_stay_apart(monkeypatch):
    gold = LinearGaussian()
    x = gold.marginal.sample((50,))
    settings = {"chains": 4, "steps": 300}
    starts = x.mean(0) + 10 * torch.randn(4, 50, 6)
    mixed = impute(gold.exact(), {"x": x}, MISSING.expand_as(x), starts, **settings).r_hat
    assert mixed.shape == (50,)
    assert mixed.median() < 1.06
    assert mixed.max() < 1.4
    assert impute(gold.exact(), {"x": x}, MISSING.expand_as(x), starts[0], steps=3).r_hat is None
    monkeypatch.setattr(imputing, "Chain", Forced)
    monkeypatch.setattr(Forced, "log_weight", -torch.inf)
    stuck = impute(gold.exact(), {"x": x}, MISSING.expand_as(x), starts, burn_in=0, **settings)
    assert stuck.r_hat.min() > 100


def test_the_statistic_is_gelman_and_rubins():
    chains = torch.randn(3, 40, 2, 1) + torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1)
    within, between = chains.var(1).mean(0)[:, 0], 40 * chains.mean(1).var(0)[:, 0]
    expected = ((39 / 40 * within + between / 40) / within).sqrt()
    every = torch.ones(2, 1, dtype=torch.bool)
    found = r_hat(chains.mean(1), chains.var(1, correction=0), every, 40)
    assert torch.allclose(found, expected)


def test_the_section_says_where_chains_have_not_mixed():
    gold = LinearGaussian()
    x = gold.marginal.sample((30,)).float()
    settings = {"fraction": 0.5, "chains": 3, "burn_in": 0}
    short = Imputation("lower", **settings, steps=2)(subject_of(gold.factorised().float(), x))
    assert short.figures["unmixed"].value > 0
    assert any("have not mixed" in note for note in short.notes)
    long = Imputation("lower", **settings, steps=400)(subject_of(gold.factorised().float(), x))
    assert long.figures["unmixed"].value < short.figures["unmixed"].value / 2
    assert long.figures["r_hat"].value < 1.2 < short.figures["r_hat"].value


class Forced(Chain):
    """A mutant: every proposal has the same log-weight."""

    log_weight = torch.inf

    def trace(self, draws):
        trace = super().trace(draws)
        if isinstance(draws, Posterior):
            trace.__dict__["log_weight"] = torch.full((1, len(self.x)), self.log_weight)
        return trace


def test_of_the_exact_posterior_every_proposal_is_accepted():
    gold = LinearGaussian()
    x = gold.marginal.sample((50,))
    found = impute(gold.exact(), {"x": x}, MISSING.expand_as(x), x.mean(0), burn_in=0, steps=20)
    assert found.acceptance == pytest.approx(1, abs=1e-9)
    assert torch.equal(found.draw[:, ~MISSING], x[:, ~MISSING])


def test_the_conditional_mean_is_better_than_the_baselines():
    gold = LinearGaussian()
    x = gold.marginal.sample((400,))
    section = Imputation("random", fraction=0.3, num_examples=200, chains=1, burn_in=10, steps=30)(
        subject_of(gold.factorised().float(), x)
    )
    value = {key: figure.value for key, figure in section.figures.items()}
    assert value["rmse_imputed"] < 0.9 * min(value["rmse_one_pass"], value["rmse_mean"])
    assert section.figures["log_density"].unit == "nats"
    (picture,) = section.pictures.values()
    assert picture.rows == ROWS


def test_the_error_and_its_standard_error():
    x, missing = torch.randn(2000, 3, 4), torch.rand(2000, 3, 4) < 0.5
    guess = torch.where(missing, x + 2 * torch.randn_like(x), x + 9)
    found = rmse("mean", guess, x, missing)
    assert found.value == pytest.approx(2, abs=4 * found.error)
    # Of n values with variance s² the root mean square has the error s / √(2n).
    assert found.error == pytest.approx(2 / (2 * missing.sum().item()) ** 0.5, rel=0.1)


def test_masks():
    lower = hidden("lower", 0.25, 2, (3, 8, 6))
    assert lower.shape == (2, 3, 8, 6)
    assert lower[:, :, 6:].all()
    assert not lower[:, :, :6].any()
    box = hidden("center", 0.25, 1, (1, 8, 8))[0, 0]
    assert box[2:6, 2:6].all()
    assert box.sum() == 16
    random = hidden("random", 0.3, 50, (3, 20, 20))
    assert torch.equal(random[:, 0], random[:, 2])
    assert random.double().mean() == pytest.approx(0.3, abs=0.02)
    assert not torch.equal(random[0], random[1])
    assert hidden("lower", 0.5, 1, (5,)).tolist() == [[False, False, False, True, True]]
    assert hidden("center", 0.5, 1, (2, 8)).sum() == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mask": "left"}, "mask must be one of random, lower, center"),
        ({"fraction": 1.0}, "fraction must lie between"),
        ({"steps": 0}, "start at 1"),
        ({"burn_in": -1}, "burn_in at 0"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Imputation(**wrong)
