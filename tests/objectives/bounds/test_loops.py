"""Bounds against plain loops on chosen log-weights, their limits and their order."""

import pytest
import torch

from tests.objectives.bounds.checks import (
    BOUNDS,
    OF_LOG_WEIGHTS,
    K,
    M,
    check_limits_of_groups,
    check_loops,
    plain_iwae,
    plain_mean,
)
from vae.objectives import CIWAE, IWAE, MIWAE, Renyi
from vae.objectives.iwae import log_mean_exp

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("name", BOUNDS)
def test_bound_is_that_of_plain_loops(name):
    build, plain = BOUNDS[name]
    check_loops(build(), plain)


@pytest.mark.parametrize("name", OF_LOG_WEIGHTS)
def test_leading_dimensions_are_kept(name):
    bound = BOUNDS[name][0]().value
    log_w = torch.randn(2, 3, M * K, 5)
    each = torch.stack([torch.stack([bound(b) for b in a]) for a in log_w])
    assert torch.allclose(bound(log_w), each, rtol=0, atol=1e-13)


# How the bounds stand to each other, sample for sample.


def test_miwae_has_iwae_and_elbo_as_its_limits():
    check_limits_of_groups(MIWAE)


def test_one_sample_is_the_elbo():
    log_w = torch.randn(1, 5)
    for bound in (IWAE(num_samples=1), CIWAE(num_samples=1), Renyi(0.5, num_samples=1)):
        assert torch.allclose(bound.value(log_w), log_w[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize(("beta", "plain"), [(0.0, plain_iwae), (1.0, plain_mean)])
def test_ends_of_ciwae(beta, plain):
    check_loops(CIWAE(beta, num_samples=M * K), plain)


@pytest.mark.parametrize(("alpha", "plain"), [(0.0, plain_iwae), (1.0, plain_mean)])
def test_renyi_at_zero_and_one(alpha, plain):
    check_loops(Renyi(alpha, num_samples=M * K), plain)


@pytest.mark.parametrize("alpha", [1 - 1e-6, 1 + 1e-6])
def test_renyi_converges_to_the_elbo(alpha):
    log_w = torch.randn(M * K, 5)
    near = Renyi(alpha, num_samples=M * K).value(log_w)
    # log E exp(h·w) = h·E w + h²/2 Var w + ...
    slope = 0.5 * log_w.var(0, correction=0) * (1 - alpha)
    assert torch.allclose(near, log_w.mean(0) + slope, rtol=0, atol=1e-9)
    assert not torch.allclose(near, log_w.mean(0), rtol=0, atol=1e-8)


def test_renyi_falls_with_alpha():
    log_w = 2 * torch.randn(M * K, 50)
    alphas = (-30.0, -1.0, -0.1, 0.0, 0.5, 0.999, 1.0, 1.001, 2.0, 30.0)
    values = torch.stack([Renyi(alpha, num_samples=M * K).value(log_w) for alpha in alphas])
    assert (values.diff(dim=0) < 0).all()
    assert (values < log_w.amax(0)).all()
    assert (values > log_w.amin(0)).all()


def test_bounds_stand_in_the_order_of_jensen():
    log_w = 2 * torch.randn(M * K, 50)
    elbo, iwae = log_w.mean(0), log_mean_exp(log_w)
    for name in ("miwae", "ciwae", "renyi 0.5"):
        bound = BOUNDS[name][0]().value(log_w)
        assert (elbo < bound).all()
        assert (bound < iwae).all()
