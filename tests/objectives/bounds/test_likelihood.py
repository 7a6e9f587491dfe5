"""Bounds against the exact log p(x) of a linear-Gaussian model."""

import pytest

from tests.linear_gaussian import LinearGaussian
from tests.objectives.bounds.checks import (
    BOUNDS,
    K,
    M,
    check_rise_to_the_likelihood,
    gold_draws,
    mean_and_error,
    total,
)
from vae.objectives import ELBO, IWAE, Renyi, StickTheLanding

pytestmark = pytest.mark.usefixtures("double_precision")


def test_iwae_rises_from_elbo_to_likelihood():
    check_rise_to_the_likelihood(lambda log_w: IWAE(num_samples=len(log_w)).value(log_w))


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_at_the_exact_posterior_are_the_likelihood(name):
    """All weights are p(x) there, whatever is done with them."""
    gold = LinearGaussian()
    x = gold.marginal.sample((5,))
    loss = total(BOUNDS[name][0](), gold.exact()(x, num_samples=M * K))
    if name != "elbo":  # which has the closed-form KL here, and log p(x|z) of the draws
        assert loss.item() == pytest.approx(-gold.log_p(x).mean().item(), abs=1e-10)
    stuck = total(ELBO(estimator=StickTheLanding()), gold.exact()(x, num_samples=M * K))
    assert stuck.item() == pytest.approx(-gold.log_p(x).mean().item(), abs=1e-10)


@pytest.mark.parametrize("name", ["elbo", "miwae", "ciwae", "renyi 0.5", "renyi 2"])
def test_bounds_stay_below_the_likelihood(name):
    log_p, log_w = gold_draws(M * K)
    bound = BOUNDS[name][0]().value if name != "elbo" else lambda w: w.mean(0)
    gap, error = mean_and_error(log_p - bound(log_w))
    assert gap > 4 * error


def test_renyi_below_zero_stands_above_the_likelihood_in_the_limit():
    log_p, log_w = gold_draws(512, repeats=200)
    excess, error = mean_and_error(Renyi(-1.0, num_samples=512).value(log_w) - log_p)
    assert excess > 4 * error
