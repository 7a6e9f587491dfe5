"""Where a gradient estimator would be wrong, it is refused, and another one named."""

from itertools import product

import pytest
import torch

from tests.objectives.estimators.models import BOUNDS, OBJECTIVES, K, discrete_model, normal_model
from vae.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    MIWAE,
    DReG,
    Pathwise,
    Renyi,
    ScoreFunction,
    StickTheLanding,
)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("name", ["elbo", "iwae", "miwae", "ciwae", "renyi 0.5"])
def test_score_function_needs_a_second_sample(name):
    build = {
        "elbo": lambda e: ELBO(estimator=e),
        "iwae": lambda e: IWAE(num_samples=1, estimator=e),
        "miwae": lambda e: MIWAE(num_groups=1, group_size=1, estimator=e),
        "ciwae": lambda e: CIWAE(num_samples=1, estimator=e),
        "renyi 0.5": lambda e: Renyi(num_samples=1, estimator=e),
    }[name]
    model, x = normal_model()
    with pytest.raises(ValueError, match=r"second sample.*objective.num_samples=2"):
        build(ScoreFunction())(model(x))


@pytest.mark.parametrize(
    ("name", "estimator"),
    [*product(["elbo", *BOUNDS], [Pathwise, DReG]), ("elbo", StickTheLanding)],
)
def test_paths_need_rsample(name, estimator):
    model, x = discrete_model()
    objective = OBJECTIVES[name](estimator())
    trace = model(x, num_samples=K)
    match = rf"{estimator.__name__} needs.*rsample; got Joint.*OneHot.*estimator=score"
    with pytest.raises(ValueError, match=match):
        objective(trace)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_bound_is_a_figure_where_no_gradient_is_asked_for(name):
    model, x = discrete_model()
    with torch.no_grad():
        value = sum(OBJECTIVES[name](Pathwise())(model(x, num_samples=K)).values())
    assert value.isfinite()


@pytest.mark.parametrize("name", ["iwae", "miwae", "ciwae", "renyi 0.5"])
def test_sticking_the_landing_is_refused_where_it_is_biased(name):
    model, x = normal_model()
    with pytest.raises(ValueError, match=r"biased.*estimator=dreg"):
        OBJECTIVES[name](StickTheLanding())(model(x, num_samples=K))


@pytest.mark.parametrize("estimator", [StickTheLanding, ScoreFunction])
def test_piwae_takes_estimators_that_serve_two_bounds(estimator):
    model, x = normal_model()
    match = rf"{estimator.__name__} cannot serve two bounds.*estimator=pathwise or estimator=dreg"
    with pytest.raises(ValueError, match=match):
        OBJECTIVES["piwae"](estimator())(model(x, num_samples=K))
