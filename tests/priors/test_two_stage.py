"""A VAE over latents, where its density is known: two affine nets and one u."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from vae.distributions import tempered
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, inverse_soft_bound
from vae.networks.conditioned import FieldFeatures
from vae.priors import TwoStagePrior
from vae.spec import DataSpec

pytestmark = pytest.mark.usefixtures("double_precision")
SPREAD = 0.5
SHIFT, SCALE = (5.0, -3.0, 0.0), (10.0, 1.0, 0.1)


CLASSES = FieldFeatures(DataSpec("digits", (6,), "boolean", 2, num_classes=4), ["label"])


def affine_prior(*, width=1.0, **condition):
    """Return a prior with the exact q(u|z), or a wider one, and its p(z), or p(z|2) of a label."""
    prior = TwoStagePrior((3,), 1, hidden=[], num_samples=7, **condition)
    codes = torch.tensor(SHIFT) + torch.tensor(SCALE) * torch.randn(1000, 3)
    prior.start_at_codes(codes)
    decoder, layer = prior.decoder, prior.encoder.net
    if condition:
        decoder, layer = decoder.net, layer.net
    decoder, layer = decoder[0], layer[0]
    (w, w_y), b = decoder.weight.data.split([1, len(layer.weight[0]) - 3], 1), decoder.bias.data
    precision = 1 + (w.T @ w).item() / SPREAD**2
    gain = w.T / SPREAD**2 / precision
    shifted = -gain @ w_y  # of z whose mean depends on y
    layer.weight.data = torch.cat([torch.cat([gain, shifted], 1), torch.zeros(1, 3 + w_y.shape[1])])
    raw = inverse_soft_bound(torch.tensor(width / precision**0.5).log().item(), *LOG_SCALE_BOUNDS)
    layer.bias.data = torch.cat([-gain @ b, torch.tensor([raw])])
    start = inverse_soft_bound(torch.tensor(SPREAD).log().item(), *LOG_SCALE_BOUNDS)
    prior.raw_scale.data.fill_(start)
    s = prior.scale.diag()
    cov = s @ (w @ w.T + SPREAD**2 * torch.eye(3)) @ s
    mean = b + w_y[:, 2] if condition else b
    return prior, MultivariateNormal(prior.shift + prior.scale * mean, cov)


def test_at_the_exact_posterior_every_estimate_is_the_density():
    prior, exact = affine_prior()
    z = exact.sample((4, 2))
    for training in (True, False):
        assert torch.allclose(prior.train(training)().log_prob(z), exact.log_prob(z))


def test_at_the_exact_posterior_every_estimate_is_the_density_of_the_class():
    prior, exact = affine_prior(conditional=True, field_features=CLASSES)
    z, label = exact.sample((4, 3)), torch.tensor([1, 2, 3])
    for training in (True, False):
        found = prior.train(training)(label).log_prob(z)
        assert torch.allclose(found[:, 1], exact.log_prob(z[:, 1]))
        assert not torch.isclose(found[:, 0], exact.log_prob(z[:, 0])).any()
    assert torch.allclose(prior(label[1:2]).expand((3,)).log_prob(z), exact.log_prob(z))


def test_the_estimate_is_unbiased_and_a_lower_bound_of_the_logarithm():
    prior, exact = affine_prior(width=1.5)
    z = exact.sample()
    log_p = prior().log_prob(z.expand(100_000, 3)).detach()
    ratios = (log_p - exact.log_prob(z)).exp()
    assert (ratios.mean() - 1).abs() < 4 * ratios.std() / len(ratios) ** 0.5
    assert log_p.mean() < exact.log_prob(z) - 0.05
    p = prior.eval()()
    assert torch.equal(p.log_prob(z), p.log_prob(z))  # in evaluation a function


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_draws_have_the_moments(temperature):
    prior, exact = affine_prior()
    z = tempered(prior(), temperature).sample((200_000,))
    z = (z - exact.mean) / exact.stddev / temperature
    s = exact.stddev
    assert z.mean(0).abs().max() < 4 / len(z) ** 0.5
    correlation = exact.covariance_matrix / s.outer(s)
    assert torch.allclose(z.T.cov(), correlation, rtol=0, atol=0.02)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="start_scale must be from 9e-04 to 148; got 0"):
        TwoStagePrior((3,), 1, start_scale=0.0)
    with pytest.raises(ValueError, match="num_samples must be a whole number of at least 1"):
        TwoStagePrior((3,), 1, num_samples=0)
    assert TwoStagePrior((3,), 1, start_scale=0.2)().log_scale.exp().item() == pytest.approx(0.2)
