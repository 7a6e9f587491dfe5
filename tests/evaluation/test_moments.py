"""The aggregate posterior against the prior by draws."""

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from vae.distributions import UniformMixture
from vae.evaluation.moments import moment_kl, prior_draws, prior_moments

pytestmark = pytest.mark.usefixtures("double_precision")


def unit(dim):
    return torch.zeros(dim), torch.eye(dim)


def test_gaussians_have_their_closed_form():
    cov = torch.tensor([[1.0, 0.8], [0.8, 2.0]])
    mean = torch.tensor([1.0, -2.0])
    z = MultivariateNormal(mean, cov).sample((20_000,))
    expected = 0.5 * (cov.trace() + mean.square().sum() - 2 - cov.logdet())
    assert moment_kl(z, *unit(2)) == pytest.approx(expected.item(), rel=0.02)
    swapped = MultivariateNormal(*unit(2)).sample((20_000,))
    inverse = torch.linalg.inv(cov)
    expected = 0.5 * (inverse.trace() + mean @ inverse @ mean - 2 + cov.logdet())
    assert moment_kl(swapped, mean, cov) == pytest.approx(expected.item(), rel=0.02)


def test_few_draws_do_not_make_it_larger():
    """Of 40 dimensions and 80 draws, where the covariance alone seems 7 nats off."""
    found = [moment_kl(0.5 * torch.randn(80, 40), *unit(40)) for _ in range(30)]
    expected = 40 * (0.5 * (0.25 - 1) + torch.tensor(2.0).log().item())
    assert torch.tensor(found).mean().item() == pytest.approx(expected, abs=0.4)


def test_it_is_a_lower_bound():
    """Two narrow bumps with the prior's moments: their divergence does not show in them."""
    q = Independent(Normal(torch.tensor([[-0.995], [0.995]]), 0.1), 1)
    z = UniformMixture(q).sample((4000,))
    true = (UniformMixture(q).log_prob(z) - Normal(0.0, 1.0).log_prob(z[:, 0])).mean().item()
    assert true > 1.0
    assert moment_kl(z, *unit(1)) < 0.1


def test_what_cannot_be_known():
    assert moment_kl(torch.randn(5, 5), *unit(5)) is None
    assert moment_kl(torch.randn(6, 5), *unit(5)) is not None
    assert moment_kl(torch.randn(50, 1).expand(50, 2), *unit(2)) is None


def test_draws_and_moments_of_a_prior():
    loc, scale = torch.tensor([[3.0, 0.0], [-3.0, 1.0]]), torch.tensor([0.5, 2.0])
    mixture = UniformMixture(Independent(Normal(loc, scale), 1))
    draws = prior_draws(mixture, 10_050)
    assert draws.shape == (10_050, 2)
    mean, cov = prior_moments(mixture, draws)
    expected = torch.tensor([[9.25, -1.5], [-1.5, 4.25]])
    assert torch.allclose(mean, loc.mean(0), atol=0.1)
    assert torch.allclose(cov, expected, atol=0.2)
    mean, cov = prior_moments(Independent(Normal(loc[0], scale), 1), draws)
    assert torch.equal(mean, loc[0])
    assert torch.equal(cov, torch.diag(scale.square()))
