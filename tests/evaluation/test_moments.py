"""The aggregate posterior against the prior by draws."""

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from vae.distributions import UniformMixture
from vae.evaluation.measures.prior_moments import divergence_bound, prior_draws, prior_moments

pytestmark = pytest.mark.usefixtures("double_precision")


def bound(z, p):
    found = divergence_bound(z, p.log_prob(z))
    return None if found is None else found[0]


def unit(dim):
    return MultivariateNormal(torch.zeros(dim), torch.eye(dim))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gaussians_have_their_closed_form(dtype):
    cov = torch.tensor([[1.0, 0.8], [0.8, 2.0]])
    one, other = MultivariateNormal(torch.tensor([1.0, -2.0]), cov), unit(2)
    for q, p in ((one, other), (other, one)):
        z = q.sample((20_000,))
        found, error = divergence_bound(z.to(dtype), p.log_prob(z).to(dtype))
        assert error < 0.04
        assert found == pytest.approx(kl_divergence(q, p).item(), abs=4 * error)


def test_few_draws_do_not_make_it_larger():
    """Of 40 dimensions and 80 draws, where the covariance alone seems 7 nats off."""
    found = [bound(0.5 * torch.randn(80, 40), unit(40)) for _ in range(30)]
    expected = 40 * (0.5 * (0.25 - 1) + torch.tensor(2.0).log().item())
    assert torch.tensor(found).mean().item() == pytest.approx(expected, abs=0.4)


def test_its_error_is_the_spread_over_repetitions():
    found = torch.tensor(
        [
            divergence_bound(z, unit(3).log_prob(z))
            for z in 0.5 + torch.randn(200, 300, 3) * torch.tensor([0.3, 1.0, 2.0])
        ]
    )
    assert found[:, 1].mean().item() == pytest.approx(found[:, 0].std().item(), rel=0.2)


def test_it_is_a_lower_bound():
    """Two narrow bumps with the prior's moments: their divergence does not show in them."""
    q = UniformMixture(Independent(Normal(torch.tensor([[-0.995], [0.995]]), 0.1), 1))
    z = q.sample((4000,))
    true = (q.log_prob(z) - unit(1).log_prob(z)).mean().item()
    assert true > 1.0
    assert bound(z, unit(1)) < 0.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_it_bounds_the_divergence_from_any_density(dtype):
    """None from a mixture that q is; log 2 from one of two such bumps; all from one far off."""
    near = UniformMixture(
        Independent(Normal(torch.tensor([[-8.0, 0.0], [8.0, 0.0]]).to(dtype), 0.1), 1)
    )
    assert bound(near.sample((4000,)), near) < 0
    one = near.components.sample((4000,))[:, 0]
    assert bound(one, near) == pytest.approx(torch.tensor(2.0).log().item(), abs=0.01)
    far = UniformMixture(
        Independent(Normal(torch.tensor([[0.0, 9.0], [900.0, 0.0]]).to(dtype), 1.0), 1)
    )
    # By the first bump, of which the mixture has one half: 81 / 2 + log 2.
    expected = 40.5 + torch.tensor(2.0).log().item()
    assert bound(torch.randn(4000, 2).to(dtype), far) == pytest.approx(expected, rel=0.02)


def test_what_cannot_be_known():
    assert bound(torch.randn(5, 5), unit(5)) is None
    assert bound(torch.randn(6, 5), unit(5)) is not None
    assert bound(torch.randn(50, 1).expand(50, 2), unit(2)) is None
    assert divergence_bound(torch.randn(50, 2), torch.full((50,), -torch.inf)) is None


def test_draws_and_moments_of_a_prior():
    loc, scale = torch.tensor([[3.0, 0.0], [-3.0, 1.0]]), torch.tensor([0.5, 2.0])
    mixture = UniformMixture(Independent(Normal(loc, scale), 1))
    draws = prior_draws(mixture, 10_050)
    assert draws.shape == (10_050, 2)
    mean, deviation = prior_moments(mixture, draws)
    assert torch.allclose(mean, loc.mean(0), atol=0.1)
    assert torch.allclose(deviation, torch.tensor([9.25, 4.25]).sqrt(), atol=0.05)
    mean, deviation = prior_moments(Independent(Normal(loc[0], scale), 1), draws)
    assert torch.equal(mean, loc[0])
    assert torch.equal(deviation, scale)
