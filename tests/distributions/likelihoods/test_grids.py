import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from vae.distributions.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    DiscretizedLogisticMixture,
)
from vae.distributions.likelihoods.categorical import GridCategorical
from vae.distributions.likelihoods.discretized_logistic import LogisticBins, bounded_log_scale


def grid(levels, dtype=torch.float64):
    return torch.arange(levels, dtype=dtype) / (levels - 1)


def logistic_mass(loc, scale, levels):
    """Return scipy's mass on each level: differences of the distribution function, tails in."""
    edges = (np.arange(levels - 1) + 0.5) / (levels - 1)
    cdf = scipy.stats.logistic(loc, scale).cdf(edges)
    return torch.as_tensor(np.diff(cdf, prepend=0.0, append=1.0))


@pytest.mark.parametrize("levels", [2, 3, 256])
@pytest.mark.parametrize("loc", [-0.4, 0.3, 1.0])
@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_logistic_mass_is_that_of_scipy(levels, loc, scale):
    loc_, log_scale = torch.tensor(loc).double(), torch.tensor(scale).double().log()
    p = LogisticBins(loc_, log_scale, levels=levels)
    found = p.log_prob(grid(levels)).exp()
    torch.testing.assert_close(
        found, logistic_mass(float(loc_), scale, levels), atol=1e-9, rtol=1e-6
    )


@pytest.mark.parametrize("levels", [2, 16, 256, 4096])
def test_logistic_masses_sum_to_one_in_single_precision(levels):
    loc = torch.rand(500)
    log_scale = bounded_log_scale(torch.linspace(-1000, 1000, 500), levels)
    p = LogisticBins(loc, log_scale, levels=levels)
    mass = p.log_prob(grid(levels, torch.float32).unsqueeze(-1)).double().exp()
    assert (mass.sum(0) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("distance", [-1e3, -10.0, 10.0, 1e3])
@pytest.mark.parametrize("raw", [-1e3, -5.0, 0.0, 1e3])
def test_logistic_tails_are_finite_and_pull_towards_the_data(distance, raw):
    loc = torch.full((3,), distance, requires_grad=True)
    raw = torch.full((3,), raw, requires_grad=True)
    p = LogisticBins(loc, bounded_log_scale(raw, 256), levels=256)
    inner = p.log_prob(torch.tensor([0.2, 0.5, 0.8]))
    slopes = torch.autograd.grad(inner.sum(), (loc, raw))
    assert inner.isfinite().all()
    assert all(slope.isfinite().all() for slope in slopes)
    assert (slopes[0] * distance < 0).all()


def test_outer_levels_take_the_tails():
    p = LogisticBins(torch.tensor([-50.0, 50.0]), torch.zeros(2) - 2, levels=256)
    torch.testing.assert_close(p.log_prob(torch.tensor([0.0, 1.0])), torch.zeros(2))
    assert (p.log_prob(torch.tensor([1.0, 0.0])) < -300).all()


def test_scale_reaches_from_within_a_bin_to_beyond_the_grid():
    narrow, wide = bounded_log_scale(torch.tensor([-1e9, 1e9]), 256).exp()
    assert narrow.item() == pytest.approx(np.exp(-4) / 255, rel=1e-4)
    assert wide.item() == pytest.approx(np.exp(2), rel=1e-4)
    bottom = LogisticBins(torch.tensor(0.4), narrow.log(), levels=256)
    assert bottom.log_prob(torch.tensor(0.4)).exp() > 0.999


def test_logistic_mode_is_the_likeliest_level():
    p = LogisticBins(torch.rand(200) * 1.4 - 0.2, torch.randn(200) * 2 - 2, levels=8)
    mass = p.log_prob(grid(8, torch.float32).unsqueeze(-1))
    torch.testing.assert_close(p.mode, grid(8, torch.float32)[mass.argmax(0)])
    assert len(p.mode.unique()) == 8


def test_mixture_mass_is_the_weighted_sum_of_scipys():
    likelihood = DiscretizedLogisticMixture((2,), levels=16, num_components=3)
    params = torch.randn(likelihood.param_shape, dtype=torch.float64)
    logits, loc, raw = params.view(3, 3, 2)
    scale = bounded_log_scale(raw, 16).exp()
    weight = logits.softmax(0)
    found = likelihood(params).base_dist.log_prob(grid(16).unsqueeze(-1)).exp()
    for d in range(2):
        parts = [logistic_mass(loc[m, d] + (m + 0.5) / 3, scale[m, d], 16) for m in range(3)]
        expected = sum(weight[m, d] * part for m, part in enumerate(parts))
        torch.testing.assert_close(found[:, d], expected, rtol=1e-6, atol=1e-7)


def test_categorical_mass_is_a_softmax_over_the_levels_of_each_channel():
    params = torch.randn(4 * 3, 2, dtype=torch.float64)
    px = Categorical((3, 2), levels=4)(params)
    expected = scipy.special.log_softmax(params.view(4, 3, 2).numpy(), axis=0)
    found = px.base_dist.log_prob(grid(4).view(4, 1, 1))
    torch.testing.assert_close(found, torch.as_tensor(expected))
    torch.testing.assert_close(px.mode, grid(4)[expected.argmax(0)])


def test_values_are_matched_to_the_nearest_level_whatever_their_rounding():
    p = GridCategorical(torch.randn(256))
    x = grid(256, torch.float32)
    for other in (x + 1e-4, x - 1e-4, torch.arange(256) * (1 / 255)):
        torch.testing.assert_close(p.log_prob(other), p.log_prob(x), rtol=0, atol=0)


def test_bernoulli_is_that_of_scipy_far_beyond_where_probabilities_round():
    logits = torch.tensor([-200.0, -3.0, 0.0, 2.0, 200.0], dtype=torch.float64)
    likelihood = Bernoulli((5,))
    for value in (0.0, 1.0):
        found = likelihood(logits).base_dist.log_prob(torch.full((5,), value).double())
        expected = scipy.special.log_expit(logits.numpy() * (1 if value else -1))
        torch.testing.assert_close(found, torch.as_tensor(expected))


def test_support_and_levels():
    assert Bernoulli((1,)).levels == 2
    assert Categorical((1,), levels=7).levels == 7
    assert DiscretizedLogistic((1,), levels=256).levels == 256


@pytest.mark.parametrize(
    "likelihood", [Categorical, DiscretizedLogistic, DiscretizedLogisticMixture]
)
@pytest.mark.parametrize("levels", [None, 1, 0, -3, 2.5])
def test_a_grid_without_levels_is_refused(likelihood, levels):
    with pytest.raises(ValueError, match=r"levels >= 2.*got levels=.*Use|use likelihood=normal"):
        likelihood((3,), levels=levels)


def test_a_mixture_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"num_components >= 1; got 0\. Use"):
        DiscretizedLogisticMixture((3,), levels=4, num_components=0)
