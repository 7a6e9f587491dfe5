"""A learned scale starts at that of the data around their mean, in closed form."""

import math

import pytest
import torch

from vae.distributions import Conditional
from vae.distributions.likelihoods import (
    Bernoulli,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
    FixedScale,
    Laplace,
    LearnedScale,
    Normal,
    OptimalScale,
    PixelwiseScale,
)
from vae.networks import Linear

SHAPE = (2, 3, 4)
FITTED = {  # the likeliest scale of errors
    Normal: lambda error: error.square().mean().sqrt(),
    Laplace: lambda error: error.abs().mean(),
}
precisions = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def examples(dtype, width=0.07):
    noise = torch.Generator().manual_seed(1)
    x = torch.randn(50, *SHAPE, generator=noise, dtype=torch.float64)
    return (0.4 + torch.arange(24).view(SHAPE) / 100 + width * x).to(dtype)


@precisions
@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize("scale", [LearnedScale, PixelwiseScale])
def test_a_learned_scale_starts_at_the_likeliest_one(kind, scale, dtype):
    x = examples(dtype)
    likelihood = kind(SHAPE, scale=scale()).to(dtype)
    raw = likelihood.start_at(x)
    assert raw.shape == likelihood.param_shape
    px = likelihood(raw.expand(50, *raw.shape)).base_dist
    expected = FITTED[kind](x.double() - x.double().mean(0)).to(dtype)
    tolerance = 1e-5 if dtype is torch.float32 else 1e-6
    torch.testing.assert_close(px.scale, expected.expand_as(px.scale), rtol=tolerance, atol=0)
    torch.testing.assert_close(px.loc[0], x.mean(0))


@precisions
def test_a_discretized_logistic_starts_as_wide_as_the_data(dtype):
    x = examples(dtype)
    likelihood = DiscretizedLogistic(SHAPE, levels=256)
    raw = likelihood.start_at(x)
    px = likelihood(raw.unsqueeze(0)).base_dist
    scale = 1 / (px.bin_width * 255)
    deviation = scale * math.pi / math.sqrt(3)
    expected = (x.double() - x.double().mean(0)).square().mean().sqrt().to(dtype)
    torch.testing.assert_close(deviation, expected.expand_as(deviation), rtol=1e-5, atol=0)
    torch.testing.assert_close(px.centre[0] / 255, x.mean(0))


def test_a_mixture_starts_with_equal_components_as_wide_as_the_data():
    x = examples(torch.float64)
    likelihood = DiscretizedLogisticMixture(SHAPE, levels=256, num_components=5).double()
    raw = likelihood.start_at(x)
    assert raw.shape == likelihood.param_shape
    mixture = likelihood(raw.unsqueeze(0)).base_dist
    parts = mixture.component_distribution
    torch.testing.assert_close(mixture.mixture_distribution.probs.unique().item(), 0.2)
    torch.testing.assert_close(parts.centre[0, 0, 0, 0] / 255, likelihood.centres)
    single = DiscretizedLogistic(SHAPE, levels=256)
    wide = single(single.start_at(x).unsqueeze(0)).base_dist.bin_width
    torch.testing.assert_close(parts.bin_width, wide.unsqueeze(-1).expand_as(parts.bin_width))


@pytest.mark.parametrize("width", [0.0, 1e-6, 1e6])
@pytest.mark.parametrize("kind", [Normal, DiscretizedLogistic])
def test_a_start_at_a_bound_is_finite_and_can_learn(kind, width):
    how = {"scale": PixelwiseScale()} if kind is Normal else {"levels": 256}
    likelihood = kind(SHAPE, **how)
    x = examples(torch.float64, width)
    raw = likelihood.start_at(x).requires_grad_()
    likelihood(raw.unsqueeze(0)).log_prob(x).sum().backward()
    assert raw.isfinite().all()
    assert raw[2:].abs().max() < 100  # some thousand steps of Adam from any other scale


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(SHAPE),
        Normal(SHAPE, scale=FixedScale(1.0)),
        Normal(SHAPE, scale=OptimalScale()),
        Laplace(SHAPE, scale=LearnedScale(1.0)),
    ],
)
def test_what_learns_no_scale_or_was_told_one_stays_as_it_is(likelihood):
    before = {name: value.clone() for name, value in likelihood.state_dict().items()}
    assert likelihood.start_at(examples(torch.float64)) is None
    assert all(torch.equal(value, before[n]) for n, value in likelihood.state_dict().items())


def test_a_likelihood_of_another_field_is_left_alone():
    """Examples are of x: a net that tells labels, say, does not start at pictures."""
    for shape, started in ((SHAPE, True), ((24,), False)):
        px = Conditional(
            Linear((2,), (2 * shape[0], *shape[1:])), Normal(shape, scale=PixelwiseScale())
        )
        before = px.net.affine.bias.clone()
        px.initialize(lambda n: examples(torch.float32)[:n])
        assert torch.equal(px.net.affine.bias, before) is not started
