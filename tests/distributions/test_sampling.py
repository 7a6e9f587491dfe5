import pytest
import torch
from torch.distributions import Beta, Dirichlet, Gamma, Independent, MixtureSameFamily, Uniform
from torch.distributions import Categorical as Choice

from vae.distributions import LogScaleNormal, UniformMixture, tempered


def components(m, d):
    return Independent(LogScaleNormal(torch.randn(m, d), 0.3 * torch.randn(m, d)), 1)


@pytest.mark.usefixtures("double_precision")
def test_uniform_mixture_is_torchs():
    parts = components(5, 2)
    ours = UniformMixture(parts)
    theirs = MixtureSameFamily(Choice(logits=torch.zeros(5)), parts)
    z = torch.randn(7, 3, 2)
    assert torch.allclose(ours.log_prob(z), theirs.log_prob(z))


@pytest.mark.usefixtures("double_precision")
def test_uniform_mixture_draws_have_its_moments():
    parts = components(5, 2)
    z = UniformMixture(parts).sample((40_000,))
    mean = parts.mean.mean(0)
    variance = (parts.variance + parts.mean.square()).mean(0) - mean.square()
    assert ((z.mean(0) - mean) / (variance / 40_000).sqrt()).abs().max() < 4
    assert torch.allclose(z.var(0), variance, rtol=0.05)


def test_temperature_scales_the_deviation_of_a_normal():
    p = components(4, 2)
    assert torch.allclose(tempered(p, 0.5).stddev, 0.5 * p.stddev)
    assert torch.equal(tempered(p, 0.5).mean, p.mean)


def test_temperature_of_what_is_bounded_is_refused():
    with pytest.raises(ValueError, match="not defined for Uniform"):
        tempered(Uniform(torch.zeros(2), torch.ones(2)), 0.5)


@pytest.mark.usefixtures("double_precision")
def test_temperature_scales_the_deviation_of_a_gamma():
    p = Gamma(torch.tensor([0.7, 4.0]), torch.tensor([2.0, 0.3]))
    assert torch.allclose(tempered(p, 0.5).stddev, 0.5 * p.stddev)
    assert torch.allclose(tempered(p, 0.5).mean, p.mean)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("p", [Beta, lambda *c: Dirichlet(torch.stack(c, -1))])
def test_temperature_keeps_the_mean_of_shares(p):
    p = p(torch.tensor([7.0, 20.0]), torch.tensor([50.0, 30.0]))
    assert torch.allclose(tempered(p, 0.5).mean, p.mean)
    assert torch.allclose(tempered(p, 0.5).stddev, 0.5 * p.stddev, rtol=0.02)
