import pytest
import torch
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from vae.distributions import CategoricalPosterior, NormalPosterior, aggregate_log_probs

pytestmark = pytest.mark.usefixtures("double_precision")

N, D = 7, 3


def posterior():
    return NormalPosterior(D)(torch.randn(N, 2 * D))


def mixture(w, components):
    return MixtureSameFamily(Categorical(w), components)


def test_whole_density_is_that_of_a_mixture():
    q, w = posterior(), torch.rand(N).softmax(0)
    z = torch.randn(4, 5, D)
    whole, _ = aggregate_log_probs(q, z, w.log())
    components = Independent(Normal(q.mean, q.stddev), 1)
    assert whole.shape == (4, 5)
    assert torch.allclose(whole, mixture(w, components).log_prob(z))


def test_each_dimension_is_a_mixture_of_its_own():
    q, w = posterior(), torch.rand(N).softmax(0)
    z = torch.randn(4, 5, D)
    _, by_dim = aggregate_log_probs(q, z, w.log())
    assert by_dim.shape == (4, 5, D)
    for j in range(D):
        marginal = mixture(w, Normal(q.mean[:, j], q.stddev[:, j]))
        assert torch.allclose(by_dim[..., j], marginal.log_prob(z[..., j]))


def test_weights_may_differ_from_point_to_point():
    """Row i of the weights is that of point i, column n that of example n."""
    q, log_w = posterior(), torch.randn(5, N)
    z = torch.randn(4, 5, D)
    whole, by_dim = aggregate_log_probs(q, z, log_w)
    for i in range(5):
        one, one_by_dim = aggregate_log_probs(q, z[:, i], log_w[i])
        assert torch.allclose(whole[:, i], one)
        assert torch.allclose(by_dim[:, i], one_by_dim)


def test_density_integrates_to_the_sum_of_the_weights():
    q = NormalPosterior(1)(torch.randn(N, 2))
    log_w = torch.randn(N)
    grid = torch.linspace(-40, 40, 40_001)
    whole, by_dim = aggregate_log_probs(q, grid[:, None], log_w)
    for density in (whole.exp(), by_dim[:, 0].exp()):
        assert torch.trapezoid(density, grid).item() == pytest.approx(log_w.exp().sum().item())


def test_one_example_is_its_own_aggregate():
    q, z = NormalPosterior(D)(torch.randn(1, 2 * D)), torch.randn(4, 1, D)
    whole, by_dim = aggregate_log_probs(q, z, torch.zeros(1, 1))
    assert torch.allclose(whole, q.log_prob(z))
    assert torch.allclose(by_dim, q.base_dist.log_prob(z))


def test_densities_that_underflow_have_finite_logarithms():
    z = torch.full((2, D), 1e4).requires_grad_()
    whole, by_dim = aggregate_log_probs(posterior(), z, torch.zeros(N))
    (whole.sum() + by_dim.sum()).backward()
    assert whole.isfinite().all()
    assert by_dim.isfinite().all()
    assert z.grad.isfinite().all()


def test_one_hot_variables_are_dimensions():
    head = CategoricalPosterior(D, num_categories=4).eval()
    q, w = head(torch.randn(N, 4 * D)), torch.rand(N).softmax(0)
    z = q.sample()
    whole, by_dim = aggregate_log_probs(q, z, w.log())
    probs = q.base_dist.probs
    marginal = ((w[:, None, None] * probs).sum(0) * z).sum(-1)
    assert torch.allclose(by_dim.exp(), marginal)
    joint = (probs * z[:, None]).sum(-1).prod(-1)
    assert torch.allclose(whole.exp(), joint @ w)


def test_a_posterior_that_does_not_factorise_is_refused():
    q = MultivariateNormal(torch.zeros(N, D), torch.eye(D))
    with pytest.raises(
        ValueError, match=r"factorised q\(z\|x\); got MultivariateNormal. Use .*mmd"
    ):
        aggregate_log_probs(q, torch.zeros(2, D), torch.zeros(N))
