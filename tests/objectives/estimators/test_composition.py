"""Gradient estimators with penalties, and with encoders that are not trained."""

import pytest
import torch

from tests.objectives.estimators.models import (
    ALLOWED,
    DATA,
    ESTIMATORS,
    OBJECTIVES,
    K,
    gradient,
    normal_model,
)
from vae.objectives import Pathwise, Penalized
from vae.objectives.penalties import MMD

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize(
    ("name", "estimator"),
    [("iwae", "dreg"), ("iwae", "score"), ("elbo", "stl"), ("elbo", "score"), ("piwae", "dreg")],
)
def test_gradients_of_bound_and_penalty_add(name, estimator):
    """An estimator corrects the bound's path through z, not the penalty's."""
    model, x = normal_model()
    trace = model(x + torch.randn(5, DATA), num_samples=K)

    def seeded(objective):
        torch.manual_seed(3)
        return gradient(objective, trace, model.encoder)

    bound, penalty = OBJECTIVES[name](ESTIMATORS[estimator]()), MMD(5.0)
    (term,) = penalty(trace).values()
    assert term.requires_grad
    torch.manual_seed(3)
    alone = torch.autograd.grad(
        penalty(trace)["mmd"], list(model.encoder.parameters()), retain_graph=True
    )
    alone = torch.cat([g.flatten() for g in alone])
    assert alone.norm() > 1e-3
    both = seeded(Penalized(bound, {"mmd": penalty}))
    assert torch.allclose(both, seeded(bound) + alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("name", "estimator"), [*ALLOWED, ("piwae", "pathwise")])
def test_an_encoder_that_is_not_trained_is_left_alone(name, estimator):
    model, x = normal_model()
    model.encoder.requires_grad_(False)
    trace = model(x.expand(5, -1), num_samples=K)
    objective = OBJECTIVES[name]({**ESTIMATORS, "pathwise": Pathwise}[estimator]())
    reference = OBJECTIVES[name](Pathwise())
    ours, expected = (gradient(o, trace, model.decoder) for o in (objective, reference))
    assert torch.allclose(ours, expected, rtol=0, atol=1e-13)
