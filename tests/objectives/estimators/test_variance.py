"""Gradient estimators are less noisy than the plain ones."""

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from tests.linear_gaussian import LinearGaussian
from tests.objectives.estimators.models import (
    ALLOWED,
    DATA,
    ESTIMATORS,
    LATENT,
    OBJECTIVES,
    K,
    WithoutBaseline,
    gradient,
    normal_model,
)
from vae.models import VAE
from vae.objectives import ELBO, IWAE, DReG, Pathwise, ScoreFunction, StickTheLanding
from vae.priors import StandardNormal

pytestmark = pytest.mark.usefixtures("double_precision")


class FullNormal(nn.Module):
    """q(z|x) = N(Ax + a, LLᵀ), which can be exact for any linear-Gaussian model."""

    def __init__(self, gold):
        super().__init__()
        self.net = nn.Linear(DATA, LATENT)
        self.net.weight.data, self.net.bias.data = gold.gain, -gold.gain @ gold.b
        self.root = nn.Parameter(torch.linalg.cholesky(gold.covariance))

    def forward(self, x):
        return MultivariateNormal(self.net(x), scale_tril=self.root)


def exact_models():
    gold = LinearGaussian(DATA, LATENT)
    yield gold, VAE(FullNormal(gold), gold.decoder(), StandardNormal((LATENT,)))
    gold = LinearGaussian(DATA, LATENT, orthogonal=True)
    yield gold, gold.factorised()


@pytest.mark.parametrize(
    ("name", "estimator"), [pair for pair in ALLOWED if pair[1] != "score" and pair[0] != "beta"]
)
def test_gradient_vanishes_at_the_exact_posterior(name, estimator):
    for gold, model in exact_models():
        trace = model(gold.marginal.sample((3,)), num_samples=K)
        ours = gradient(OBJECTIVES[name](ESTIMATORS[estimator]()), trace, model.encoder)
        pathwise = gradient(OBJECTIVES[name](Pathwise()), trace, model.encoder)
        assert ours.abs().max() < 1e-10
        assert pathwise.abs().max() > 1e-2


def deviations(objectives, model, x, *, repeats=60, draws=20):
    """Means and standard deviations of estimates of the encoder's gradient, (2, P) each."""
    estimates = [[] for _ in objectives]
    for _ in range(repeats):
        trace = model(x.expand(draws, -1), num_samples=objectives[0].num_samples())
        for objective, found in zip(objectives, estimates, strict=True):
            found.append(gradient(objective, trace, model.encoder))
    found = torch.stack([torch.stack(e) for e in estimates])
    return found.mean(1), found.std(1)


def test_sticking_the_landing_lowers_the_variance_near_the_optimum():
    model, x = normal_model(width=1.1, shift=0.0)
    objectives = [ELBO(num_samples=K, estimator=e) for e in (StickTheLanding(), Pathwise())]
    _, deviation = deviations(objectives, model, x)
    sampled, closed = deviation.square().sum(-1)
    assert sampled < 0.5 * closed


def test_dreg_keeps_its_signal_where_the_pathwise_gradient_drowns():
    """Signal to noise: with K it rises with √K for DReG, and falls with 1/√K for the other."""
    model, x = normal_model(width=1.6, shift=0.0)
    ratios = {}
    for k in (4, 64):
        objectives = [IWAE(num_samples=k, estimator=e) for e in (DReG(), Pathwise())]
        mean, deviation = deviations(objectives, model, x)
        # One mean for both, from the less noisy of them.
        ratios[k] = (mean[0].abs() / deviation).mean(-1)
        assert (deviation[0].square().sum() < 0.5 * deviation[1].square().sum()).all()
    assert ratios[64][0] > 2 * ratios[4][0]
    assert ratios[64][1] < 0.5 * ratios[4][1]
    assert ratios[64][0] > 5 * ratios[64][1]


@pytest.mark.parametrize("name", ["elbo", "iwae"])
def test_baseline_lowers_the_variance(name):
    model, x = normal_model()
    pair = [OBJECTIVES[name](e()) for e in (ScoreFunction, WithoutBaseline)]
    _, deviation = deviations(pair, model, x)
    with_baseline, without = deviation.square().sum(-1)
    assert with_baseline < 0.2 * without
