"""Gradient estimators have one expectation, and the pathwise gradient of the model."""

import pytest
import torch
import zuko
from torch import nn

from tests.linear_gaussian import LinearGaussian
from tests.objectives.estimators.checks import check_expectation, check_two_bounds
from tests.objectives.estimators.models import (
    ALLOWED,
    BOUNDS,
    DATA,
    ESTIMATORS,
    LATENT,
    OBJECTIVES,
    K,
    MixturePrior,
    NormalPrior,
    gradient,
    normal_model,
    parts,
)
from vae.distributions import Conditional, FlowPosterior
from vae.models import VAE
from vae.objectives import DReG, Pathwise, ScoreFunction
from vae.priors import VampPrior

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize(("name", "estimator"), ALLOWED)
def test_expectation_is_that_of_the_pathwise_gradient(name, estimator):
    build = OBJECTIVES[name]
    check_expectation(build(ESTIMATORS[estimator]()), build(Pathwise()), *normal_model())


@pytest.mark.parametrize(("name", "estimator"), [("elbo", "stl"), ("iwae", "dreg")])
def test_expectation_with_a_prior_made_of_the_encoder(name, estimator):
    """The VampPrior's share of the encoder's gradient is no score, and is kept."""
    model, x = normal_model(prior=nn.Identity)
    model.prior = VampPrior(model.encoder, (DATA,), "real", num_components=3)
    build = OBJECTIVES[name]
    check_expectation(build(ESTIMATORS[estimator]()), build(Pathwise()), model, x)


def flow_model():
    head = FlowPosterior(
        LATENT,
        flow=zuko.flows.NSF(LATENT, 3, transforms=1, passes=2, bins=4, hidden_features=[8]),
        context_dim=3,
    )
    gold = LinearGaussian(DATA, LATENT)
    encoder = Conditional(nn.Linear(DATA, 2 * LATENT + 3), head)
    return VAE(encoder, gold.decoder(), NormalPrior()), gold.marginal.sample((1,))


@pytest.mark.parametrize(
    ("name", "estimator"), [("elbo", "stl"), ("iwae", "dreg"), ("elbo", "score")]
)
def test_expectation_with_a_flow(name, estimator):
    model, x = flow_model()
    build = OBJECTIVES[name]
    draws = {"draws": 200, "repeats": 25}
    check_expectation(build(ESTIMATORS[estimator]()), build(Pathwise()), model, x, **draws)
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("name", BOUNDS)
def test_generative_gradient_is_exactly_the_pathwise_one(name):
    model, x = normal_model()
    trace = model(x.expand(5, -1), num_samples=K)
    _, decoder, prior = parts(model)
    generative = torch.cat([decoder, prior])
    expected = gradient(OBJECTIVES[name](Pathwise()), trace, model)[generative]
    for estimator in [DReG] if name == "piwae" else [DReG, ScoreFunction]:
        ours = gradient(OBJECTIVES[name](estimator()), trace, model)[generative]
        assert torch.allclose(ours, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("estimator", ESTIMATORS.values())
def test_generative_gradient_of_the_elbo_is_exactly_the_pathwise_one(estimator):
    """With a prior to which no KL is known; with one, pathwise uses it, and STL must not."""
    model, x = normal_model(prior=MixturePrior)
    trace = model(x.expand(5, -1), num_samples=K)
    encoder, *generative = parts(model)
    for name in ("elbo", "beta"):
        expected = gradient(OBJECTIVES[name](Pathwise()), trace, model)
        ours = gradient(OBJECTIVES[name](estimator()), trace, model)
        for part in generative:
            assert torch.allclose(ours[part], expected[part], rtol=0, atol=1e-13)
        assert not torch.allclose(ours[encoder], expected[encoder], rtol=0, atol=1e-3)


def test_piwae_has_the_gradients_of_two_bounds():
    """The model's of IWAE and the posterior's of MIWAE, draw for draw."""
    check_two_bounds()
