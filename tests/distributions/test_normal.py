import pytest
import scipy.stats
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vae.distributions.log_scale_normal import (
    LOG_SCALE_BOUNDS,
    LogScaleNormal,
    inverse_soft_bound,
    soft_bound,
)


def random_normal(*shape, spread=1.0):
    loc, log_scale = spread * torch.randn(2, *shape, dtype=torch.float64)
    return LogScaleNormal(loc, log_scale)


def as_torch(p):
    return Normal(p.loc, p.log_scale.exp(), validate_args=False)


def test_log_prob_is_that_of_scipy():
    p, x = random_normal(4, 5), torch.randn(3, 4, 5, dtype=torch.float64)
    expected = scipy.stats.norm(p.loc, p.log_scale.exp()).logpdf(x)
    torch.testing.assert_close(p.log_prob(x), torch.as_tensor(expected))


def test_a_shared_scale_behaves_like_one_per_dimension():
    loc, log_scale = torch.randn(4, 5), torch.tensor(-0.3)
    shared, full = LogScaleNormal(loc, log_scale), LogScaleNormal(loc, log_scale.expand(4, 5))
    assert shared.batch_shape == shared.scale.shape == shared.stddev.shape == (4, 5)
    torch.testing.assert_close(shared.log_prob(loc + 1), full.log_prob(loc + 1))
    torch.testing.assert_close(shared.entropy(), as_torch(full).entropy())
    torch.testing.assert_close(kl_divergence(shared, full), torch.zeros(4, 5))
    assert LogScaleNormal(torch.zeros(()), torch.zeros(3)).loc.shape == (3,)


def test_rsample_is_loc_plus_scale_times_noise():
    loc = torch.tensor([1.0, -2.0], requires_grad=True)
    log_scale = torch.tensor([-1.0, 0.5], requires_grad=True)
    z = LogScaleNormal(loc, log_scale).rsample((3,))
    z.sum().backward()
    noise = ((z - loc) / log_scale.exp()).detach()
    torch.testing.assert_close(loc.grad, torch.full((2,), 3.0))
    torch.testing.assert_close(log_scale.grad, (noise * log_scale.exp()).sum(0).detach())


def test_expand():
    p = random_normal(5).expand((4, 5))
    assert isinstance(p, LogScaleNormal)
    assert p.batch_shape == p.scale.shape == p.log_prob(torch.zeros(5)).shape == (4, 5)
    q = Independent(random_normal(5), 1).expand((2,))
    assert q.batch_shape == (2,)


def test_kl_is_that_of_torch_also_against_a_torch_normal():
    q, p = random_normal(1000), random_normal(1000)
    expected = kl_divergence(as_torch(q), as_torch(p))
    torch.testing.assert_close(kl_divergence(q, p), expected)
    torch.testing.assert_close(kl_divergence(q, as_torch(p)), expected)
    torch.testing.assert_close(kl_divergence(as_torch(q), p), expected)


def test_kl_is_the_mean_of_the_log_ratio():
    q, p = random_normal(4), random_normal(4, spread=0.3)
    z = q.sample((100_000,))
    log_ratio = q.log_prob(z) - p.log_prob(z)
    z_score = (log_ratio.mean(0) - kl_divergence(q, p)) / log_ratio.std(0) * len(z) ** 0.5
    assert z_score.abs().max() < 4


@pytest.mark.parametrize("distance", [1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
def test_kl_in_single_precision_near_the_prior(distance):
    loc, log_scale = distance * torch.randn(2, 100_000)
    q, p = LogScaleNormal(loc, log_scale), LogScaleNormal(torch.zeros(1), torch.zeros(1))
    kl = kl_divergence(q, p)
    exact = kl_divergence(*(LogScaleNormal(d.loc.double(), d.log_scale.double()) for d in (q, p)))
    assert kl.min() >= 0
    assert (kl - exact).abs().max() < 1e-6 * distance


BOUNDS = [LOG_SCALE_BOUNDS, (-9.54, 2.0), (-4.0, 2.0), (0.1, 0.3)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_soft_bound_stays_inside_is_monotone_and_never_loses_its_gradient(low, high, dtype):
    far = torch.logspace(-3, 4, 10_000, dtype=dtype)
    x = torch.cat((-far.flip(0), far)).requires_grad_()
    y = soft_bound(x, low, high)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert y.min() >= low
    assert y.max() <= high
    assert y.diff().min() >= 0
    assert slope.min() > 0
    assert slope.max() <= 1
    extreme = soft_bound(torch.tensor([-3e38, 3e38], dtype=dtype), low, high)
    assert extreme[0] >= low
    assert extreme[1] <= high


def test_soft_bound_is_nearly_the_identity_in_the_middle():
    x = torch.linspace(-2, 0, 9)
    assert (soft_bound(x, *LOG_SCALE_BOUNDS) - x).abs().max() < 0.03


def test_inverse_soft_bound():
    for y in (-6.9, -3.0, 0.0, 4.5):
        x = torch.tensor(inverse_soft_bound(y, *LOG_SCALE_BOUNDS), dtype=torch.float64)
        assert soft_bound(x, *LOG_SCALE_BOUNDS).item() == pytest.approx(y, abs=1e-12)
