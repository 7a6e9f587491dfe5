"""The estimator of scikit-learn: its own checks, a pipeline, a search."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from vae import VAEEstimator

QUICK = {"max_epochs": 1, "num_samples": 3, "hidden": (4,), "random_state": 0}
ESTIMATES = "noise goes by the place of a row: scores are estimates"
MAY_FAIL = {
    "check_methods_sample_order_invariance": ESTIMATES,
    "check_methods_subset_invariance": ESTIMATES,
}


@pytest.fixture
def table():
    """Rows in two clusters, and which cluster each is of."""
    rng, label = np.random.default_rng(0), np.arange(120) % 2
    return 4 * label[:, None] + rng.normal(size=(120, 5)), label


@pytest.mark.slow
def test_scikit_learns_own_checks_pass():
    results = check_estimator(
        VAEEstimator(latent_dim=1, **QUICK),
        on_fail=None,
        on_skip=None,
        expected_failed_checks=MAY_FAIL,
    )
    assert {r["check_name"] for r in results if r["status"] == "failed"} == set()
    assert len([r for r in results if r["status"] == "passed"]) > 40


def test_codes_serve_a_classifier_and_a_search_picks_by_the_density(table):
    x, label = table
    codes = VAEEstimator(max_epochs=60, hidden=(16,), random_state=0)
    pipeline = make_pipeline(codes, LogisticRegression()).fit(x, label)
    assert pipeline.score(x, label) > 0.95
    fitted = pipeline[0]
    assert fitted.transform(x).shape == (120, 2)
    error = np.abs(fitted.inverse_transform(fitted.transform(x)) - x).mean()
    assert error < 0.5 * x.std()
    assert fitted.score(x) > fitted.score(x + 3) + 1
    assert np.isfinite(fitted.sample(7)).all()
    search = GridSearchCV(VAEEstimator(**QUICK), {"latent_dim": [1, 2]}, cv=2).fit(x)
    assert search.best_params_["latent_dim"] in (1, 2)


def test_the_same_seed_gives_the_same_codes_and_leaves_global_noise_alone(table):
    x, _ = table
    torch.manual_seed(7)
    one = VAEEstimator(**QUICK).fit(x)
    after = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(after, torch.rand(3))
    assert np.array_equal(one.transform(x), VAEEstimator(**QUICK).fit(x).transform(x))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"latent_dim": 0}, "latent_dim"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"settings": ["model=mpl"]}, "mpl"),
    ],
)
def test_a_wrong_parameter_is_named(table, settings, told):
    with pytest.raises(ValueError, match=told):
        VAEEstimator(**{**QUICK, **settings}).fit(table[0])
