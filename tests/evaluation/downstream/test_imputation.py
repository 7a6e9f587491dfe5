"""Imputation against the exact conditional of the linear-Gaussian model."""

from math import log

import pytest
import torch
from torch.distributions import MultivariateNormal

from tests.evaluation.subjects import subject_of
from tests.linear_gaussian import LinearGaussian
from vae.evaluation import Imputation
from vae.evaluation.downstream.imputation import rmse
from vae.evaluation.downstream.imputing import impute
from vae.evaluation.downstream.masks import hidden

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
    start = impute(model, many, missing, torch.zeros(6), burn_in=0, steps=steps).draw
    found = impute(model, many, missing, start, burn_in=0, steps=steps)
    mean = found.mean.unflatten(0, (copies, -1))
    density = found.log_density.unflatten(0, (copies, -1)).logsumexp(0) - log(copies)
    return mean.mean(0), mean.std(0) / copies**0.5, density


def test_the_chain_finds_the_exact_conditional_mean_though_q_is_not_exact():
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
    biased, error, _ = limit(Greedy(model), x, 200, 20)
    assert (biased[:, MISSING] - exact).abs().div(error[:, MISSING]).max() > 10


def test_several_chains_are_averaged():
    gold = LinearGaussian()
    x, model, runs = gold.marginal.sample((5,)), gold.factorised(), []
    for many, chains in ((x, 3), (x.repeat(3, 1), 1)):
        torch.manual_seed(0)
        missing = MISSING.expand_as(many)
        runs.append(impute(model, many, missing, x.mean(0), chains=chains, steps=3))
    together, alone = runs
    assert torch.allclose(together.mean, alone.mean.unflatten(0, (3, 5)).mean(0))
    density = alone.log_density.unflatten(0, (3, 5)).logsumexp(0) - log(3)
    assert torch.allclose(together.log_density, density)
    assert torch.equal(together.draw, alone.draw[:5])
    assert 0 < together.acceptance < 1


class Greedy:
    """A mutant: every proposal is accepted."""

    def __init__(self, model):
        self.model = model
        self.decode = model.decode

    def __call__(self, x):
        trace = self.model(x)
        trace.__dict__["log_weight"] = torch.full((1, len(x)), torch.inf)
        return trace


def test_of_the_exact_posterior_every_proposal_is_accepted():
    gold = LinearGaussian()
    x = gold.marginal.sample((50,))
    found = impute(gold.exact(), x, MISSING.expand_as(x), x.mean(0), burn_in=0, steps=20)
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
    assert picture.shape[0] == 3


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
