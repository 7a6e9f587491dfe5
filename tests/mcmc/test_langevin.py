"""Langevin dynamics on normal targets, whose discretised stationary law is known."""

import warnings
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov
from torch.distributions import Independent, Normal, constraints

from vae.inference.target import Target
from vae.mcmc import hmc, nuts, sghmc, sgld
from vae.mcmc.curvature import gradient, largest_curvature
from vae.mcmc.walking import batched

pytestmark = pytest.mark.usefixtures("double_precision")


def normal(precision):
    """N(0, 1/λ) of one latent."""
    return Target.of(lambda x: -precision * x**2 / 2, {"x": constraints.real}, vectorized=True)


SIGNED = Target.of(
    lambda x, z: -(x**2) * (1 + z), {"x": constraints.real, "z": constraints.boolean}
)


def regression():
    """Eleven rows, three weights of a normal prior; the exact posterior beside it."""
    torch.manual_seed(0)
    x, y = torch.randn(11, 3), torch.randn(11)
    target = Target.of_data(
        lambda w: -w.square().sum() / 2,
        lambda batch, w: -(batch["y"] - batch["x"] @ w).square() / 2,
        {"w": (constraints.real, (3,))},
        {"x": x, "y": y},
    )
    precision = x.T @ x + torch.eye(3)
    return target, torch.linalg.solve(precision, x.T @ y), torch.linalg.inv(precision)


def spread(draw, precision, product, **more):
    """The variance of 200,000 draws of 50,000 chains, started at λ's own."""
    start = torch.randn(50_000, 1) / precision**0.5
    chains = draw(
        normal(precision),
        start,
        step_size=product / precision,
        num_samples=4,
        warmup_steps=100,
        thin=25,
        **more,
    )
    return chains.draws.var().item()


@pytest.mark.parametrize(("precision", "step"), [(1.0, 0.01), (25.0, 0.2), (0.04, 1.0), (3.0, 1.8)])
def test_the_variance_of_sgld_is_that_of_its_recursion(precision, step):
    """1 / (λ (1 − ελ/2)), in the convention of a drift ε∇ and a noise of variance 2ε."""
    expected = 1 / (precision * (1 - step / 2))
    assert spread(sgld, precision, step) == pytest.approx(expected, rel=0.02)


def stationary(precision, step, friction):
    """The covariance of (u, v) that the linear recursion of SGHMC leaves as it is."""
    to_v = np.array([-step * precision, 1 - friction])
    matrix = np.stack([to_v + np.array([1, 0]), to_v])
    return solve_discrete_lyapunov(matrix, 2 * friction * step * np.ones((2, 2)))


@pytest.mark.parametrize("friction", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("product", [0.02, 0.5, 1.8])
def test_the_variance_of_sghmc_solves_its_lyapunov_equation(product, friction):
    precision = 25.0
    exact = stationary(precision, product / precision, friction)[0, 0]
    assert exact == pytest.approx(1 / (precision * (1 - product / (4 - 2 * friction))), rel=1e-9)
    assert spread(sghmc, precision, product, friction=friction) == pytest.approx(exact, rel=0.02)


def test_both_variances_come_to_that_of_the_target():
    for friction in (1.0, 0.3):
        errors = [stationary(2.0, step, friction)[0, 0] * 2 - 1 for step in (0.1, 0.01, 0.001)]
        assert all(0 < b < a / 9 for a, b in pairwise(errors))
    assert spread(sgld, 2.0, 0.005) == pytest.approx(0.5, rel=0.02)
    assert spread(sghmc, 2.0, 0.005, friction=0.1) == pytest.approx(0.5, rel=0.02)


def test_friction_one_is_sgld():
    start = torch.randn(3, 1)
    with_momentum = sghmc(normal(2.0), start, step_size=0.1, friction=1.0, num_samples=20)
    assert with_momentum.draws.equal(sgld(normal(2.0), start, step_size=0.1, num_samples=20).draws)


@pytest.mark.parametrize("friction", [1.0, 0.1])
def test_a_step_that_would_run_off_is_refused_and_a_shorter_one_is_not(friction):
    target, start, limit = normal(25.0), torch.zeros(2, 1), (4 - 2 * friction) / 25
    with pytest.raises(
        ValueError, match="the chains run off: where they start the curvature is 25"
    ):
        sghmc(target, start, step_size=limit * 1.001, friction=friction)
    draws = sghmc(
        target,
        start,
        step_size=limit * 0.99,
        friction=friction,
        num_samples=50,
        warmup_steps=0,
        thin=20,
    ).draws
    assert draws.abs().max() < 100


def test_a_chain_that_meets_more_curvature_on_its_way_says_so():
    target = Target.of(lambda x: -(x**4), {"x": constraints.real})
    with pytest.raises(ValueError, match="a chain ran off within"):
        sgld(target, torch.full((1, 1), 0.1), step_size=0.5)
    assert sgld(target, torch.full((1, 1), 0.1), num_samples=200).draws.abs().max() < 5


def test_the_largest_curvature_is_found_below_zero_too():
    matrix = torch.diag(torch.tensor([-30.0, 3.0, 5.0]))
    found = largest_curvature(lambda u: -(u @ matrix * u).sum(-1) / 2, torch.randn(2, 3))
    assert found.tolist() == pytest.approx([5.0, 5.0], rel=0.05)
    assert largest_curvature(lambda u: u.sum(-1), torch.randn(2, 3)).tolist() == [0, 0]


def test_the_default_step_widens_by_five_percent():
    target, start = normal(7.0), torch.randn(20_000, 1) / 7**0.5
    for draw, more in ((sgld, {}), (sghmc, {"friction": 0.3})):
        chains = draw(target, start, num_samples=8, warmup_steps=300, thin=30, **more)
        assert chains.draws.var().item() * 7 == pytest.approx(1 / 0.95, rel=0.02)


def test_mini_batches_are_unbiased_and_each_chain_has_its_own():
    """All batches of one row and of two, with replacement, average to the full gradient."""
    target, *_ = regression()
    u = torch.randn(1, 3)
    whole = gradient(target.log_density, u)
    for size in (1, 2):
        found = [
            gradient(lambda u, rows=rows: target.estimate(u, target.rows(torch.tensor(rows))), u)
            for rows in product(range(11), repeat=size)
        ]
        torch.testing.assert_close(torch.stack(found).mean(0), whole, rtol=1e-10, atol=1e-10)
    density = batched(target, 3, torch.Generator().manual_seed(0))
    assert density(u.expand(50, 3)).unique().numel() > 40


@pytest.mark.parametrize("batch_size", [None, 5])
def test_regression_has_its_posterior_whatever_the_scale_of_the_weights(batch_size):
    target, mean, covariance = regression()
    std = covariance.diagonal().sqrt()
    start = Independent(Normal(mean, std), 1)
    chains = sgld(
        target,
        start,
        num_chains=500,
        batch_size=batch_size,
        scale=std,
        num_samples=40,
        warmup_steps=100,
        thin=5,
    )
    assert ((chains.mean["w"] - mean) / std).abs().max() < 0.1
    assert (chains.std["w"] / std - 1).abs().max() < 0.1


def test_noise_of_mini_batches_that_would_show_is_told():
    target, mean, _ = regression()
    with pytest.warns(UserWarning, match="makes the posterior's variance up to"):
        sghmc(target, mean, step_size=0.05, batch_size=2, num_samples=4, warmup_steps=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sghmc(target, mean, step_size=0.001, batch_size=11, num_samples=4, warmup_steps=0)


def test_chains_repeat_and_leave_the_random_state():
    target, mean, _ = regression()
    before = torch.get_rng_state()
    short = {"batch_size": 4, "num_samples": 5, "warmup_steps": 5}
    runs = [sghmc(target, mean, seed=seed, **short).draws for seed in (1, 1, 2)]
    assert runs[0].equal(runs[1])
    assert not runs[0].equal(runs[2])
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_size": 0.0}, "step_size must be a finite number above 0"),
        ({"friction": 0.0}, "friction must be above 0"),
        ({"num_samples": 0}, "num_samples must be a whole number of at least 1; got 0"),
        ({"thin": "3"}, "thin must be a whole number of at least 1; got '3'"),
        ({"num_chains": 1.5}, "num_chains must be a whole number of at least 1; got 1.5"),
        ({"step_size": "0.1"}, "step_size must be a finite number above 0; got '0.1'"),
        ({"friction": "a"}, "friction must be above 0 and at most 1; got 'a'"),
        ({"scale": 2.0}, r"scale must be standard deviations above 0, \(1,\).* got 2.0"),
        ({"scale": torch.ones(3)}, r"scale must be .* \(1,\).*got \(3,\)"),
        ({"batch_size": 3}, "needs a log-joint with rows"),
        ({"num_chains": 3}, "start has 2 points"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sghmc(normal(1.0), torch.zeros(2, 1), **arguments)


@pytest.mark.parametrize("draw", [sgld, sghmc, nuts, hmc])
@pytest.mark.parametrize(
    ("target", "start", "message"),
    [
        (torch.square, torch.zeros(1), "target must be a Target: fit.target of a fit.*got <"),
        (SIGNED, torch.zeros(1), "z is discrete, and chains move among the reals: sum over"),
        (normal(1.0), {"x": 0.0}, "start must be a distribution such as fit.q, or.*got {'x'"),
        (normal(1.0), normal(1.0), "start must be a distribution such as fit.q, or.*got Whole"),
        (normal(1.0), torch.zeros(4, 3), r"of 3 coordinates, and the target is of 1: give \(C, 1"),
        (normal(1.0), torch.zeros(4), r"of 4 coordinates.*or one point \(1,\)"),
        (normal(1.0), torch.full((2, 1), torch.nan), "start must be finite unconstrained points"),
    ],
)
def test_chains_need_a_density_of_reals_and_points_of_it(draw, target, start, message):
    with pytest.raises(ValueError, match=message):
        draw(target, start, num_samples=4)


@pytest.mark.parametrize(
    ("draw", "arguments", "message"),
    [
        (nuts, {"num_samples": "3"}, "num_samples must be a whole number of at least 1; got '3'"),
        (nuts, {"target_accept": 2}, "target_accept must be a number above 0 and below 1; got 2"),
        (nuts, {"max_tree_depth": "a"}, "max_tree_depth must be a whole number.*got 'a'"),
        (hmc, {"trajectory_length": 0}, "trajectory_length must be a finite number above 0; got 0"),
    ],
)
def test_paths_need_numbers(draw, arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(normal(1.0), torch.zeros(1), **arguments)
