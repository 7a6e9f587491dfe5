"""Gradient estimators against the formulas they are named after, written once more."""

import pytest
import torch

from tests.objectives.estimators.checks import (
    FORMULAS,
    check_curvature,
    check_formula,
    check_squared_weights,
)
from tests.objectives.estimators.models import (
    BOUNDS,
    OBJECTIVES,
    K,
    discrete_model,
    gradient,
    normal_model,
)
from vae.objectives import IWAE, DReG, StickTheLanding
from vae.objectives.estimators import curvature, slope
from vae.objectives.iwae import log_mean_exp

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("name", BOUNDS)
def test_curvature_is_the_diagonal_of_the_hessian(name):
    bound = OBJECTIVES[name](None)
    check_curvature(curvature, bound.value)
    if name == "piwae":
        check_curvature(curvature, bound.posterior_value)


def test_curvature_of_iwae_is_that_of_a_softmax():
    log_w = 2 * torch.randn(K, 3)
    w = log_w.softmax(0)
    assert torch.allclose(curvature(log_mean_exp, log_w), w * (1 - w), rtol=0, atol=1e-13)
    assert torch.allclose(slope(log_mean_exp, log_w), w, rtol=0, atol=1e-13)


def test_dreg_of_iwae_squares_the_weights():
    check_squared_weights(IWAE(num_samples=K, estimator=DReG()))


def test_dreg_of_the_elbo_is_sticking_the_landing():
    model, x = normal_model()
    trace = model(x, num_samples=K)
    dreg, stl = (gradient(OBJECTIVES["beta"](e()), trace, model) for e in (DReG, StickTheLanding))
    assert torch.equal(dreg, stl)


@pytest.mark.parametrize("build", [normal_model, discrete_model])
@pytest.mark.parametrize("name", FORMULAS)
def test_score_function_is_rloo_and_vimco(name, build):
    check_formula(name, build)
