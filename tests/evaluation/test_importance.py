"""Importance weights whose mean, spread and tail are known."""

from math import ceil, log, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import genpareto

from vae.evaluation.measures.importance_weights import (
    effective_sample_size,
    fit_pareto,
    log_mean_weights,
    pareto_k,
)


def test_the_estimate_of_fewer_samples_is_the_mean_over_disjoint_blocks():
    log_w = torch.tensor([1.0, 3.0, 2.0, 6.0, 100.0]).log()[:, None]
    assert log_mean_weights(log_w, 2).item() == pytest.approx((log(2) + log(4)) / 2)
    assert log_mean_weights(log_w, 3).item() == pytest.approx(log(2))
    assert log_mean_weights(log_w, 5).item() == pytest.approx(log(112 / 5))
    assert log_mean_weights(log_w, 1).item() == pytest.approx(log_w.mean().item())


def test_means_of_single_precision_are_taken_in_double():
    log_w = torch.full((10_000, 1), -123.456)
    assert log_mean_weights(log_w, 10_000).item() == pytest.approx(log_w[0].item(), abs=1e-12)


@pytest.mark.parametrize("num_samples", [0, 6])
def test_more_samples_than_there_are_are_refused(num_samples):
    with pytest.raises(ValueError, match=f"must be from 1 to 5; got {num_samples}"):
        log_mean_weights(torch.zeros(5, 1), num_samples)


def test_effective_samples_are_those_with_weight():
    log_w = torch.tensor([[-300.0, 0.0, -300.0], [-300.0, -90.0, 0.0], [-300.0, -90.0, 0.0]])
    assert effective_sample_size(log_w).tolist() == pytest.approx([3, 1, 2])


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3, 0.7, 1.0, 2.0])
def test_the_fit_finds_the_shape_of_pareto_draws(shape):
    size, repeats = 1000, 50
    draws = genpareto.rvs(shape, scale=3.0, size=(size, repeats), random_state=0)
    found = fit_pareto(torch.tensor(draws).sort(0).values, torch.full((repeats,), size))
    error = (1 + shape) / size**0.5  # of the maximum likelihood, for shapes above -1/2
    assert found.std().item() == pytest.approx(error, rel=0.3)
    assert found.mean().item() == pytest.approx(shape, abs=4 * error / repeats**0.5 + 0.004)


@pytest.mark.parametrize("shape", [-0.4, 0.3, 0.7, 1.0])
def test_the_shape_of_weights_is_that_of_their_tail_whatever_their_scale(shape):
    weights = torch.tensor(genpareto.rvs(shape, size=(10_000, 100), random_state=1))
    drawn = (300 * shape + 5) / 310  # towards a half, of 300 weights in the tail
    assert pareto_k(weights.log() - 700).mean().item() == pytest.approx(drawn, abs=0.04)


def smoothed_shape(log_w):
    """Pareto smoothed importance sampling of weights ``(S,)``, number by number."""
    size = len(log_w)
    ordered = np.exp(np.sort(log_w) - log_w.max())
    cutoff = ordered[-ceil(min(size / 5, 3 * sqrt(size))) - 1]
    y = ordered[ordered > cutoff] - cutoff
    n, m = len(y), 30 + int(sqrt(len(y)))
    b = [
        1 / y[-1] + (1 - sqrt(m / (j - 0.5))) / (3 * y[int(n / 4 + 0.5) - 1])
        for j in range(1, m + 1)
    ]
    k = [np.log1p(-each * y).mean() for each in b]
    profile = np.array(
        [n * (log(-one / other) - other - 1) for one, other in zip(b, k, strict=True)]
    )
    weights = np.exp(profile - profile.max())
    b = weights @ b / weights.sum()
    return (n * np.log1p(-b * y).mean() + 5) / (n + 10)


@pytest.mark.parametrize("num_samples", [25, 101, 128, 500, 999, 10_000])
def test_the_shape_is_that_of_pareto_smoothing(num_samples):
    """Also where the tail is no whole number: its length is rounded up."""
    log_w = 1.5 * np.random.default_rng(0).standard_t(5, size=(num_samples, 10))
    expected = [smoothed_shape(column) for column in log_w.T]
    assert pareto_k(torch.tensor(log_w)).tolist() == pytest.approx(expected, abs=1e-10)


def test_equal_weights_are_the_best_case_and_not_the_worst():
    """Of latents of few values most weights are the same: what stands above them is the tail."""
    rng = np.random.default_rng(0)
    many = np.log(np.r_[np.ones(475), rng.uniform(1, 2, 25)])
    two = np.log(np.r_[np.ones(450), np.full(25, 2.0), np.full(25, 2.5)])
    found = pareto_k(torch.tensor(np.stack([many, two], 1)))
    expected = [smoothed_shape(many), smoothed_shape(two)]
    assert found.tolist() == pytest.approx(expected, abs=1e-10)
    assert (found < 0).all()
    few = torch.zeros(500, 2)
    few[:3, 0], few[:3, 1] = 0.5, 8.0
    assert pareto_k(few)[0] == -torch.inf
    assert 1 < pareto_k(few)[1] < torch.inf


def test_weights_without_a_tail():
    assert pareto_k(torch.zeros(100, 2)).tolist() == [-torch.inf] * 2
    assert pareto_k(-100 + 1e-6 * torch.randn(100, 2)).tolist() == [-torch.inf] * 2
    assert pareto_k(torch.randn(24, 2)).isnan().all()
    assert pareto_k(torch.randn(25, 2)).isfinite().all()


def test_one_weight_that_outweighs_all_others_is_not_trusted():
    log_w = torch.zeros(100, 1)
    log_w[3] = 1000
    assert 1 < pareto_k(log_w).item() < torch.inf
    assert 1 < pareto_k(500 * torch.randn(100, 1)).item() < torch.inf
