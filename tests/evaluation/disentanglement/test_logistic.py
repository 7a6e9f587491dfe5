"""Logistic regressions of many targets at once against those of scikit-learn, one at a time."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from vae.evaluation.disentanglement import logistic
from vae.evaluation.disentanglement.logistic import areas_under_curves, decisions


@pytest.mark.parametrize("at_once", [2**22, 700])
@pytest.mark.parametrize("apart", [0.3, 50.0])  # which can be told apart without an error
def test_each_is_that_of_the_library(monkeypatch, apart, at_once):
    monkeypatch.setattr(logistic, "AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    factor = rng.integers(5, size=400)
    z = apart * factor[:, None] * [1, 0, -2] + rng.normal(size=(400, 3))
    target = factor[:, None] == np.arange(5)
    found = decisions(z[:300], target[:300], z)
    areas = areas_under_curves(found, target)
    for value in range(5):
        theirs = LogisticRegression(tol=1e-10, max_iter=10_000)
        expected = theirs.fit(z[:300], target[:300, value]).decision_function(z)
        assert found[:, value] == pytest.approx(expected, rel=1e-3, abs=1e-3)
        area = roc_auc_score(target[:, value], found[:, value])
        assert areas[value] == pytest.approx(area, abs=1e-12)


def test_equal_decisions_count_half():
    decision = np.array([[0.0], [1], [1], [2]])
    assert areas_under_curves(decision, np.array([[0], [1], [0], [1]]) == 1).tolist() == [0.875]


@pytest.mark.parametrize("value", [True, False])
def test_a_target_of_all_points_or_none_is_refused(value):
    x, target = np.ones((3, 1)), np.full((3, 1), value)
    with pytest.raises(ValueError, match="cannot be told"):
        decisions(x, target, x)
    with pytest.raises(ValueError, match="no curve"):
        areas_under_curves(x, target)
