"""Penalties beside an objective, and what every penalty has in common."""

import pytest
import torch
from torch import nn

from tests.linear_gaussian import LinearGaussian
from vae.distributions import CategoricalPosterior, Conditional, FixedScale, Normal
from vae.models import VAE
from vae.objectives import ELBO, IWAE, LinearSchedule, Objective, Penalized, Progress
from vae.objectives.penalties import (
    DIP,
    MMD,
    Adversarial,
    Capacity,
    DecoderNorm,
    Factor,
    GradientPenalty,
    LatentNorm,
    SlicedWasserstein,
    TotalCorrelation,
)
from vae.priors import UniformCategorical
from vae.trace import Observed, Trace

pytestmark = pytest.mark.usefixtures("double_precision")

OVER_DRAWS = {
    "adversarial": lambda dim: Adversarial(nn.Linear(dim, 1)),
    "factor": lambda dim: Factor(nn.Linear(dim, 1)),
    "gradient_penalty": lambda dim: GradientPenalty(),
    "latent_norm": lambda dim: LatentNorm(),
    "mmd": lambda dim: MMD(),
    "sliced_wasserstein": lambda dim: SlicedWasserstein(),
    "total_correlation": lambda dim: TotalCorrelation(),
}
PENALTIES = OVER_DRAWS | {
    "capacity": lambda dim: Capacity(1.0),
    "decoder_norm": lambda dim: DecoderNorm(nn.Linear(dim, 1)),
    "dip": lambda dim: DIP(),
}


def linear_trace(num_samples=1):
    gold = LinearGaussian()
    return gold.factorised()(gold.marginal.sample((8,)), num_samples=num_samples)


def categorical_trace(temperature):
    encoder = Conditional(
        nn.Linear(6, 8), CategoricalPosterior(2, num_categories=4, temperature=temperature)
    )
    decoder_net = nn.Sequential(nn.Flatten(-2), nn.Linear(8, 6), nn.Tanh())
    decoder = Conditional(decoder_net, Normal((6,), scale=FixedScale(0.5)))
    prior = UniformCategorical((2, 4), temperature=temperature)
    return VAE(encoder, decoder, prior)(torch.randn(8, 6))


def test_terms_are_those_of_objective_and_penalties():
    trace = linear_trace()
    objective, dip, norm = ELBO(2.0), DIP(), LatentNorm()
    terms = Penalized(objective, {"dip": dip, "norm": norm})(trace)
    assert terms == {**objective(trace), **dip(trace), **norm(trace)}


def test_step_and_number_of_examples_reach_every_part():
    parts = {"capacity": Capacity(LinearSchedule(1.0, steps=10)), "tc": TotalCorrelation()}
    objective = Penalized(ELBO(LinearSchedule(4.0, steps=8)), parts)
    trace = linear_trace()
    terms = objective(trace, Progress(4, 1000))
    assert torch.allclose(terms["kl"], 2 * trace.kl.mean())
    assert torch.allclose(terms["capacity"], 1000 * (trace.kl.mean() - 0.4).abs())


def test_number_of_samples_is_the_objectives():
    objective = Penalized(IWAE(num_samples=7), {"norm": LatentNorm()})
    assert objective.num_samples() == 7
    assert set(objective(linear_trace(7))) == {"iwae", "latent_norm"}


def test_two_terms_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two terms named reconstruction"):
        Penalized(ELBO(), {"again": ELBO()})(linear_trace())
    with pytest.raises(ValueError, match="two terms named mmd"):
        Penalized(ELBO(), {"one": MMD(), "other": MMD()})(linear_trace())


def test_discriminators_are_parameters_of_the_objective():
    discriminator = nn.Linear(3, 1)
    penalties = {"factor": Factor(discriminator), "norm": DecoderNorm(nn.Linear(3, 6))}
    parameters = list(Penalized(ELBO(), penalties).parameters())
    assert {id(p) for p in parameters} == {id(p) for p in discriminator.parameters()}


@pytest.mark.parametrize("name", PENALTIES)
def test_terms_are_scalars(name):
    penalty = PENALTIES[name](3)
    assert isinstance(penalty, Objective)
    terms = penalty(linear_trace(num_samples=2))
    assert name in terms
    assert all(term.shape == () and term.isfinite() for term in terms.values())


@pytest.mark.parametrize("name", OVER_DRAWS)
def test_a_gradient_reaches_the_posterior_through_relaxed_draws(name):
    trace = categorical_trace(temperature=0.5)
    (gradient,) = torch.autograd.grad(
        OVER_DRAWS[name](8)(trace)[name], trace.latents[0].q.base_dist.logits
    )
    assert (gradient != 0).any()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", OVER_DRAWS)
def test_draws_that_pass_no_gradient_are_refused_in_training(name):
    trace = categorical_trace(temperature=None)
    penalty = OVER_DRAWS[name](8)
    with pytest.raises(ValueError, match=r"needs a posterior with rsample; got .*Use posterior"):
        penalty(trace)
    with torch.no_grad():
        assert all(term.isfinite() for term in penalty(trace).values())


@pytest.mark.parametrize("name", [*OVER_DRAWS, "dip"])
def test_several_latent_variables_are_refused(name):
    trace = linear_trace()
    two = Trace(trace.latents * 2, (Observed("x", trace.px, trace.x),))
    with pytest.raises(ValueError, match="one latent variable; got 2"):
        PENALTIES[name](3)(two)
