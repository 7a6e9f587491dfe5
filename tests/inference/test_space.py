"""Latents on constrained supports are reals with the right density."""

import pytest
import torch
from torch.distributions import (
    Beta,
    Dirichlet,
    Exponential,
    LKJCholesky,
    Normal,
    Uniform,
    Wishart,
    constraints,
)

from tests.inference.problems import WIDE
from vae.inference import Space

SUPPORTS = [
    (constraints.real, ()),
    (constraints.real_vector, (3,)),
    (constraints.positive, (2, 2)),
    (constraints.greater_than(2.0), (3,)),
    (constraints.less_than(-1.0), ()),
    (constraints.unit_interval, (3,)),
    (constraints.interval(-1.0, 3.0), (2,)),
    (constraints.simplex, (4,)),
    (constraints.simplex, (2, 3)),
    (constraints.corr_cholesky, (3, 3)),
    (constraints.lower_cholesky, (3, 3)),
    (constraints.positive_definite, (3, 3)),
    (constraints.positive_definite, (2, 1, 1)),
    (constraints.independent(constraints.positive, 1), (2,)),
]
DENSITIES = [  # of one real each
    (constraints.positive, (), Exponential(2.0)),
    (constraints.unit_interval, (), Beta(2.0, 3.0)),
    (constraints.interval(-1.0, 3.0), (), Uniform(-1.0, 3.0)),
    (constraints.simplex, (2,), Dirichlet(torch.tensor([2.0, 3.0], dtype=WIDE))),
    (constraints.corr_cholesky, (2, 2), LKJCholesky(2, 1.5)),
    (constraints.real, (), Normal(1.0, 2.0)),
    (constraints.positive_definite, (1, 1), Wishart(3.0, torch.full((1, 1), 2.0, dtype=WIDE))),
]


@pytest.fixture(autouse=True)
def wide():
    torch.set_default_dtype(WIDE)


@pytest.mark.parametrize(("support", "shape"), SUPPORTS)
def test_values_lie_in_their_support_and_come_back(support, shape):
    space = Space({"before": constraints.real, "value": (support, shape)})
    u = torch.randn(5, 2, space.dim)
    values, log_jacobian = space.constrain(u)
    assert values["value"].shape == (5, 2, *shape)
    assert log_jacobian.shape == (5, 2)
    assert support.check(values["value"]).all()
    torch.testing.assert_close(space.unconstrain(values), u)


@pytest.mark.parametrize(("support", "shape"), SUPPORTS)
def test_the_jacobian_is_that_of_the_free_coordinates(support, shape):
    space = Space({"value": (support, shape)})
    u = torch.randn(space.dim)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: space.constrain(v)[0]["value"].flatten(), u
    )
    if jacobian.shape[0] > space.dim:  # of a simplex, or of a triangle: what is free
        free = {
            4: [0, 1, 2],
            6: [0, 1, 3, 4],
            9: [3, 6, 7] if space.dim == 3 else [0, 3, 4, 6, 7, 8],
        }
        jacobian = jacobian[free[jacobian.shape[0]]]
    expected = torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(space.constrain(u)[1], expected)


@pytest.mark.parametrize(("support", "shape", "p"), DENSITIES)
def test_a_density_integrates_to_one_over_the_reals(support, shape, p):
    space = Space({"value": (support, shape)})
    u = torch.linspace(-30, 30, 20001)[:, None]
    values, log_jacobian = space.constrain(u)
    inside = values["value"]
    with torch.no_grad():
        log_p = type(p).log_prob(p, inside) if p.support is None else p.log_prob(inside)
    total = (log_p + log_jacobian).exp().sum() * (u[1, 0] - u[0, 0])
    torch.testing.assert_close(total, torch.ones(()), atol=1e-4, rtol=0)


def test_a_wishart_integrates_to_one_and_has_its_mean():
    """Over the three reals of L, which fall as fast as those of its Bartlett decomposition."""
    scale = torch.tensor([[1.0, 0.6], [0.6, 2.0]])
    space = Space({"v": (constraints.positive_definite, (2, 2))})
    axes = torch.linspace(-6, 3, 91), torch.linspace(-10, 10, 101), torch.linspace(-6, 3, 91)
    u = torch.cartesian_prod(*axes)
    values, log_jacobian = space.constrain(u)
    log_p = Wishart(5.0, scale, validate_args=False).log_prob(values["v"])
    p = (log_p + log_jacobian).exp() * (0.1 * 0.2 * 0.1)
    torch.testing.assert_close(p.sum(), torch.ones(()), atol=1e-4, rtol=0)
    mean = (p[:, None, None] * values["v"]).sum(0)
    torch.testing.assert_close(mean, 5 * scale, atol=1e-2, rtol=0)


def test_a_simplex_takes_one_coordinate_less_than_it_has_parts():
    space = Space({"w": (constraints.simplex, (3,)), "l": (constraints.lower_cholesky, (3, 3))})
    assert space.dim == 2 + 6


@pytest.mark.parametrize(
    ("latents", "words"),
    [
        ({"a": constraints.boolean}, "a is discrete"),
        ({"a": constraints.simplex}, r"a value of a has 1 dimension\(s\).*got shape \(\)"),
        ({"a": (constraints.corr_cholesky, (2, 3))}, r"no value of CorrCholesky.*shape \(2, 3\)"),
        ({"a": (constraints.lower_cholesky, (2, 3))}, r"no value of.*\(2, 3\) \(.*must be square"),
        ({"a": (constraints.positive_definite, (3, 2))}, r"no value of PositiveDefinite.*square"),
        ({"a": (constraints.square, (2, 2))}, "no bijection is known"),
        ({"a": "positive"}, "must be one of torch.distributions.constraints"),
    ],
)
def test_a_support_without_a_way_is_refused(latents, words):
    with pytest.raises(ValueError, match=words):
        Space(latents)


def test_values_of_other_names_or_shapes_are_refused():
    space = Space({"a": (constraints.real, (2,))})
    with pytest.raises(ValueError, match="expected values of"):
        space.unconstrain({"b": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"a has values of shape \(..., 2\); got \(3,\)"):
        space.unconstrain({"a": torch.zeros(3)})
