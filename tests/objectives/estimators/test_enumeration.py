"""Every outcome of a discrete posterior counted: expectations without noise."""

import pytest
import torch

from tests.objectives.estimators.checks import DISCRETE, check_outcomes, estimates
from tests.objectives.estimators.models import WithoutBaseline, discrete_model, parts
from vae.objectives import ScoreFunction

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("name", DISCRETE)
def test_score_function_has_the_exact_expectation(name):
    check_outcomes(name)


@pytest.mark.parametrize("name", ["elbo of 3", "iwae of 3"])
def test_baseline_lowers_the_exact_variance(name):
    build, _, shape = DISCRETE[name]
    model, x = discrete_model(*shape)
    encoder = parts(model)[0]
    second_moments, means = [], []
    for estimator in (ScoreFunction(), WithoutBaseline()):
        found, probability = estimates(model, x, build(estimator))
        means.append(probability @ found[:, encoder])
        second_moments.append(probability @ found[:, encoder].square().sum(-1))
    assert torch.allclose(*means, rtol=0, atol=1e-12)
    assert second_moments[0] < 0.7 * second_moments[1]
