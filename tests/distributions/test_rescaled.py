"""A rescaled density against the same density written down at the other scale."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from vae.distributions import Joint, LogScaleNormal
from vae.distributions.likelihoods.laplace import LogScaleLaplace
from vae.distributions.rescaled import rescaled, standardized

SHIFT = torch.tensor([1000.0, -3.0, 0.0]).double()
SCALE = torch.tensor([50.0, 0.1, 1e-3]).double()


@pytest.mark.parametrize("family", [LogScaleNormal, LogScaleLaplace])
def test_independent_values_stay_so(family):
    loc = torch.randn(4, 3).double()
    log_scale = torch.randn(4, 3).double()
    base = Joint(family(loc, log_scale), 1)
    p = rescaled(base, SHIFT, SCALE)
    expected = Joint(family(SHIFT + SCALE * loc, log_scale + SCALE.log()), 1)
    x = expected.sample((2,))
    torch.testing.assert_close(p.log_prob(x), expected.log_prob(x), rtol=0, atol=1e-10)
    per_value = p.base_dist.log_prob(x), expected.base_dist.log_prob(x)
    torch.testing.assert_close(*per_value, rtol=0, atol=1e-10)
    for name in ("mean", "mode", "variance", "stddev"):
        torch.testing.assert_close(getattr(p, name), getattr(expected, name))
    torch.manual_seed(0)
    draw = p.rsample((5,))
    torch.manual_seed(0)
    torch.testing.assert_close(draw, expected.rsample((5,)))
    assert draw.shape == (5, 4, 3)
    assert torch.equal(standardized(p).mean, base.mean)
    assert standardized(base) is base


def test_values_that_depend_on_each_other():
    square = torch.randn(3, 3).double()
    covariance = square @ square.T + torch.eye(3)
    base = MultivariateNormal(torch.zeros(3).double(), covariance)
    p = rescaled(base, SHIFT, SCALE)
    x = p.sample((7,))
    outer = SCALE.diag()
    expected = MultivariateNormal(SHIFT, outer @ covariance @ outer)
    torch.testing.assert_close(p.log_prob(x), expected.log_prob(x), rtol=0, atol=1e-8)
    assert standardized(p) is base


def test_the_shift_is_subtracted_before_rounding():
    shift, scale = torch.tensor([1.7e9]).double(), torch.tensor([60.0])
    p = rescaled(Joint(LogScaleNormal(torch.zeros(1), torch.zeros(1)), 1), shift, scale)
    x = shift + 60 * torch.arange(5.0).double()[:, None]
    expected = torch.distributions.Normal(0, 60).log_prob(60 * torch.arange(5.0))
    torch.testing.assert_close(p.log_prob(x), expected)
    assert p.sample((100,)).unique().numel() == 100
