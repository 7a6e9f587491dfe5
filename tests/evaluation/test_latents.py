"""Use of the latent dimensions."""

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal
from zuko.distributions import NormalizingFlow
from zuko.transforms import IdentityTransform

from vae.evaluation import LatentStatistics
from vae.trace import Latent, Observed, Trace

pytestmark = pytest.mark.usefixtures("double_precision")


def normal(loc, scale):
    return Independent(Normal(loc, scale), 1)


def trace_of(*posteriors):
    """A trace of latent variables with a standard normal prior each."""
    latents = []
    for loc, scale in posteriors:
        p = normal(torch.zeros(loc.shape[1]), torch.ones(loc.shape[1]))
        name = f"z{len(latents)}"
        latents.append(Latent(name, normal(loc, scale), p, loc.expand(3, *loc.shape)))
    return Trace(tuple(latents), (Observed("x", latents[0].q, posteriors[0][0]),))


def statistics_of(*traces):
    statistics = LatentStatistics()
    for trace in traces:
        statistics.update(trace)
    return statistics


@pytest.fixture
def parameters():
    return torch.randn(20, 4), torch.rand(20, 4) + 0.1


def test_divergences_have_their_closed_form(parameters):
    loc, scale = parameters
    expected = (0.5 * (loc.square() + scale.square() - 1) - scale.log()).mean(0)
    found = statistics_of(trace_of(parameters)).kl_per_dim
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)


def test_variances_are_those_over_examples(parameters):
    found = statistics_of(trace_of(parameters)).variances
    assert torch.allclose(found, parameters[0].var(0, correction=0), rtol=0, atol=1e-12)


def test_posterior_variances_are_means_over_examples(parameters):
    found = statistics_of(trace_of(parameters)).posterior_variances
    assert torch.allclose(found, parameters[1].square().mean(0), rtol=0, atol=1e-12)


def test_the_variance_of_a_flow_is_not_known():
    q = NormalizingFlow(IdentityTransform(), normal(torch.zeros(5, 2), torch.ones(5, 2)))
    latent = Latent("z", q, normal(torch.zeros(2), torch.ones(2)), torch.zeros(1, 5, 2))
    assert (
        statistics_of(Trace((latent,), (Observed("x", q, torch.zeros(5)),))).posterior_variances
        is None
    )


@pytest.mark.parametrize("sizes", [[20], [10, 10], [7, 12, 1]])
def test_several_batches_equal_one(parameters, sizes):
    loc, scale = (p.split(sizes) for p in parameters)
    parts = statistics_of(*(trace_of(pair) for pair in zip(loc, scale, strict=True)))
    whole = statistics_of(trace_of(parameters))
    assert torch.allclose(parts.kl_per_dim, whole.kl_per_dim, rtol=0, atol=1e-12)
    assert torch.allclose(parts.variances, whole.variances, rtol=0, atol=1e-12)
    found = parts.posterior_variances
    assert torch.allclose(found, whole.posterior_variances, rtol=0, atol=1e-12)
    assert parts.active_units == whole.active_units


def test_a_dimension_is_active_if_its_centre_moves():
    still, moves = torch.full((100,), 5.0), torch.linspace(-1, 1, 100)
    loc = torch.stack([still, moves, 0.01 * moves, 100 * moves], 1)
    assert statistics_of(trace_of((loc, torch.ones_like(loc)))).active_units == 2


def test_several_latent_variables_stand_in_a_row(parameters):
    loc, scale = parameters
    one = statistics_of(trace_of((loc, scale)))
    two = statistics_of(trace_of((loc[:, :1], scale[:, :1]), (loc[:, 1:], scale[:, 1:])))
    assert torch.allclose(two.kl_per_dim, one.kl_per_dim, rtol=0, atol=1e-12)
    assert torch.allclose(two.variances, one.variances, rtol=0, atol=1e-12)


def test_there_is_no_divergence_per_dimension_of_a_posterior_that_does_not_factorise():
    loc = torch.randn(5, 2)
    q, p = MultivariateNormal(loc, torch.eye(2)), normal(torch.zeros(2), torch.ones(2))
    statistics = statistics_of(Trace((Latent("z", q, p, loc[None]),), (Observed("x", q, loc),)))
    assert statistics.kl_per_dim is None
    assert torch.allclose(statistics.variances, loc.var(0, correction=0))


def test_nothing_is_known_without_a_batch():
    with pytest.raises(ValueError, match="no batch was added"):
        _ = LatentStatistics().variances
