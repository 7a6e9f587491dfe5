"""Distances between sets of features: closed forms, equal sets, the library's own figures."""

import numpy as np
import pytest
import torch

from vae.evaluation.quality import frechet_distance, kernel_distance, precision_recall

torch_fidelity = pytest.importorskip("torch_fidelity")


@pytest.fixture
def features():
    mixing = torch.randn(8, 8)
    return torch.randn(1000, 8) @ mixing + 3


def test_equal_sets_are_at_no_distance(features):
    scale = features.var(0).sum().item()
    assert abs(frechet_distance(features, features)) < 1e-3 * scale
    value, error = kernel_distance(features, features, subset_size=100, seed=0)
    assert abs(value) < 3 * error
    assert precision_recall(features, features) == (1, 1)


def test_the_order_of_pictures_does_not_matter(features):
    other = features[torch.randperm(len(features))]
    assert frechet_distance(features, other) == pytest.approx(0, abs=1e-6)
    assert precision_recall(features, other) == (1, 1)


def test_the_frechet_distance_of_gaussians_is_that_of_their_moments():
    """Commuting covariances: |Δμ|² + Σ (σ₁ − σ₂)²."""
    shift, scale = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([2.0, 0.5, 1.0])
    x = torch.randn(200_000, 3)
    expected = shift.square().sum() + (scale - 1).square().sum()
    made = torch.randn(200_000, 3) * scale + shift
    assert frechet_distance(x, made) == pytest.approx(expected.item(), rel=0.02)
    # Of moments that are equal to those of x, and of a map that is affine, exactly.
    exact = (x - x.mean(0)) * 3 + x.mean(0) + shift
    closed = shift.square().sum() + 4 * x.var(0).sum()
    assert frechet_distance(x, exact) == pytest.approx(closed.item(), rel=1e-5)


def test_distances_far_from_the_origin_lose_no_digits(features):
    made = features * 1.1
    near = frechet_distance(features.double(), made.double())
    far = frechet_distance(features.double() + 1e6, made.double() + 1e6)
    assert far == pytest.approx(near, rel=1e-5)


def test_figures_are_those_of_torch_fidelity(features):
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    made = features[torch.randperm(1000)][:700] * 1.2 + 0.1
    moments = [fid_features_to_statistics(f.double()) for f in (features, made)]
    fid = fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(features, made) == pytest.approx(fid, rel=1e-6)
    kid = kid_features_to_metric(
        features[:700].double(), made.double(), kid_subsets=1, kid_subset_size=700, verbose=False
    )
    value, error = kernel_distance(features[:700], made, subset_size=700, seed=0)
    assert value == pytest.approx(kid["kernel_inception_distance_mean"], rel=1e-6)
    assert np.isnan(error)


def test_the_kernel_distance_of_one_distribution_is_zero_within_its_error():
    """Over 40 pairs of sets: unbiased, with the error that is said."""
    found = [
        kernel_distance(torch.randn(300, 4), torch.randn(300, 4), subset_size=30, seed=i)
        for i in range(40)
    ]
    values, errors = torch.tensor(found).T
    scores = values / errors
    assert abs(scores.mean()) < 3 / 40**0.5
    assert 0.7 < scores.std() < 1.6


def test_precision_falls_where_pictures_are_unreal_and_recall_where_kinds_are_missing():
    def kinds(n):
        return torch.randn(n, 2) * 0.1

    left, right = kinds(300), kinds(300) + 10
    real = torch.cat([left, right])
    precision, recall = precision_recall(real, kinds(400))  # only one of two kinds
    assert precision > 0.9
    assert 0.4 < recall < 0.5
    precision, recall = precision_recall(real, torch.cat([kinds(300), kinds(300) - 10]))
    assert 0.4 < precision < 0.5
    assert precision_recall(real, kinds(400) + 100) == (0, 0)


def test_the_library_draws_nothing_from_the_global_state(features):
    state, np_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = kernel_distance(features, features + 1, subset_size=50, seed=3)
    frechet_distance(features, features + 1)
    precision_recall(features, features + 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == np_state).all()  # noqa: NPY002
    torch.manual_seed(123)
    assert kernel_distance(features, features + 1, subset_size=50, seed=3) == first
    assert kernel_distance(features, features + 1, subset_size=50, seed=4) != first
