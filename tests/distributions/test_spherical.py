"""Unit vectors around a direction: normalisers, moments and gradients in any dimension."""

import mpmath
import numpy as np
import pytest
import torch
from scipy.stats import kstest, vonmises_fisher
from torch.distributions import kl_divergence

from vae.distributions import (
    PowerSpherical,
    PowerSphericalPosterior,
    UniformDirection,
    VonMisesFisher,
    VonMisesFisherPosterior,
    center,
    tempered,
)
from vae.distributions.angles import draw_angles, implicit_slope, moments
from vae.distributions.spherical import direction

KINDS = [VonMisesFisher, PowerSpherical]
CONCENTRATIONS = [1e-3, 0.1, 2.0, 10.0, 100.0, 1e4]
DRAWS = 20_000


def double(*values):
    return torch.tensor(*values, dtype=torch.float64)


def around(kind, dim, kappa, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return kind(direction(torch.randn(dim, generator=generator, dtype=dtype)), kappa.to(dtype))


def within(draws, exact, errors=4.0):
    """Say whether a mean of draws is so few standard errors from what it should be."""
    draws = draws.double()
    return abs(draws.mean() - exact) < errors * draws.std() / len(draws) ** 0.5


@pytest.mark.parametrize("dim", [2, 3, 5, 64, 299, 2048])
def test_moments_are_those_of_bessel_functions(dim):
    """With 50 digits, where double precision has none: I_ν underflows in 299 dimensions."""
    found = moments(double(CONCENTRATIONS), dim)
    with mpmath.workdps(50):
        nu = mpmath.mpf(dim) / 2 - 1
        for i, k in enumerate(CONCENTRATIONS):
            bessel = mpmath.besseli(nu, k)
            mass = mpmath.log(bessel * mpmath.gamma(nu + 1) / (mpmath.mpf(k) / 2) ** nu) - k
            gap = 1 - mpmath.besseli(nu + 1, k) / bessel
            assert found.log_mass[i].item() == pytest.approx(float(mass), abs=1e-9)
            assert found.gap[i].item() == pytest.approx(float(gap), rel=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 20])
@pytest.mark.parametrize("kappa", [0.1, 2.0, 100.0])
def test_von_mises_fisher_is_scipys(dim, kappa):
    q = around(VonMisesFisher, dim, double(kappa))
    theirs = vonmises_fisher(q.loc.numpy(), kappa)
    z = q.sample((9,))
    assert np.allclose(theirs.logpdf(z.numpy()), q.log_prob(z).numpy(), rtol=0, atol=1e-9)
    assert theirs.entropy() == pytest.approx(q.entropy().item(), abs=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 5, 20, 512])
@pytest.mark.parametrize("kappa", [0.01, 2.0, 1e4])
def test_slope_of_the_mean_is_the_derivative(dim, kappa):
    """E μᵀz is A(κ), of which A′ = 1 − A² − (d − 1)/κ · A is known."""
    torch.manual_seed(1)
    kappas = torch.full((DRAWS,), kappa, dtype=torch.float64, requires_grad=True)
    angles = draw_angles(kappas, dim)
    (slopes,) = torch.autograd.grad(angles.cos().sum(), kappas)
    mean = 1 - moments(double(kappa), dim).gap
    assert within(angles.detach().cos(), mean)
    assert within(slopes, 1 - mean.square() - (dim - 1) / kappa * mean)


@pytest.mark.parametrize("dim", [2, 5, 64])
@pytest.mark.parametrize("kappa", [0.5, 20.0, 3000.0])
def test_implicit_slope_is_that_of_the_distribution_function(dim, kappa):
    """−∂F/∂κ over the density, by differences of a fine sum, into both tails."""
    grid = torch.linspace(0, torch.pi, 2_000_001, dtype=torch.float64)

    def density(k):
        log_g = torch.xlogy(double(dim - 2), grid.sin()) + k * (grid.cos() - 1)
        log_g[-1] = -torch.inf if dim > 2 else log_g[-1]
        g = (log_g - log_g.max()).exp()
        return g / torch.trapezoid(g, grid)

    def below(k):
        return torch.cumulative_trapezoid(density(k), grid)

    step = 2e-4 * kappa
    rows = torch.searchsorted(below(kappa), double([1e-3, 0.01, 0.5, 0.99, 0.999]))
    slope = (below(kappa + step) - below(kappa - step))[rows - 1] / (2 * step)
    expected = -slope / density(kappa)[rows]
    kappas = torch.full((5,), kappa, dtype=torch.float64)
    found = implicit_slope(grid[rows], kappas, dim)
    assert torch.allclose(found, expected, rtol=1e-4, atol=0)


def test_angles_are_drawn_in_proportion():
    """In three dimensions the distribution function of the cosine is elementary."""
    torch.manual_seed(0)
    for kappa in (0.1, 3.0, 500.0):
        cos = draw_angles(torch.full((DRAWS,), kappa, dtype=torch.float64), 3).cos()
        below = (torch.expm1(kappa * (cos - 1)) - np.expm1(-2 * kappa)) / -np.expm1(-2 * kappa)
        assert kstest(below.numpy(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dim", [2, 3, 20, 512])
@pytest.mark.parametrize("kappa", [0.01, 2.0, 1e4])
def test_divergence_from_uniform_is_that_of_draws(kind, dtype, dim, kappa):
    torch.manual_seed(2)
    q = around(kind, dim, double(kappa), dtype)
    p = UniformDirection(torch.zeros(dim, dtype=dtype))
    z = q.rsample((5000,))
    assert within(q.log_prob(z) - p.log_prob(z), kl_divergence(q, p))
    assert kl_divergence(q, p) >= 0
    assert torch.allclose(q.entropy(), p.entropy() - kl_divergence(q, p), rtol=1e-5)


@pytest.mark.parametrize("dim", [2, 3, 20])
def test_divergence_of_two_is_that_of_draws(dim):
    torch.manual_seed(3)
    q, p = (around(VonMisesFisher, dim, double(k), seed=s) for k, s in ((3.0, 1), (8.0, 2)))
    z = q.rsample((DRAWS,))
    assert within(q.log_prob(z) - p.log_prob(z), kl_divergence(q, p))
    assert kl_divergence(q, q).abs() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [2, 3, 5, 20])
def test_gradients_of_draws_are_those_of_the_mean(kind, dim):
    torch.manual_seed(4)
    raw = torch.randn(dim, dtype=torch.float64)
    parts = [*raw.expand(DRAWS, -1).unbind(-1), torch.full((DRAWS,), 2.0, dtype=torch.float64)]
    parts = [part.clone().requires_grad_() for part in parts]
    one = [part[0].detach().clone().requires_grad_() for part in parts]
    z = kind(direction(torch.stack(parts[:-1], -1)), parts[-1]).rsample()
    mean = kind(direction(torch.stack(one[:-1])), one[-1]).mean
    weights = torch.arange(1.0, dim + 1, dtype=torch.float64)
    each = torch.autograd.grad((z @ weights).sum(), parts)
    exact = torch.autograd.grad(mean @ weights, one)
    for slopes, slope in zip(each, exact, strict=True):
        assert within(slopes, slope)
    assert within((z @ weights).detach(), (mean @ weights).detach())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [1.0, -1.0])
def test_the_first_axis_is_a_direction_like_others(kind, axis):
    raw = torch.zeros(4)
    raw[0] = axis
    raw.requires_grad_()
    z = kind(direction(raw), torch.tensor(5.0)).rsample((100,))
    (slope,) = torch.autograd.grad(z[:, 1:].sum(), raw)
    assert slope.isfinite().all()
    assert (slope[1:] != 0).all()
    assert (z[:, 0].mean() > 0) == (axis > 0)


def test_power_spherical_has_a_finite_density_opposite_to_its_direction():
    for kappa in (0.01, 1.0, 1e4):
        q = around(PowerSpherical, 5, torch.tensor(kappa), torch.float32)
        assert q.log_prob(-q.loc).isfinite()


def test_centre_and_temperature():
    q = around(VonMisesFisher, 5, double(3.0))
    assert torch.equal(center(q), q.loc)
    assert tempered(q, 0.5).concentration == 12
    p = UniformDirection(torch.zeros(5))
    assert tempered(p, 0.5) is p


def test_a_vector_of_zeros_has_a_direction():
    raw = torch.zeros(2, 3, requires_grad=True)
    mu = direction(raw)
    assert torch.equal(mu.detach(), torch.tensor([[1.0, 0, 0]] * 2))
    (slope,) = torch.autograd.grad(mu.sum(), raw)
    assert slope.isfinite().all()


@pytest.mark.parametrize("head", [VonMisesFisherPosterior, PowerSphericalPosterior])
def test_a_sphere_has_two_coordinates_at_least(head):
    with pytest.raises(ValueError, match="latent_dim must be at least 2 for unit vectors; got 1"):
        head(1)
