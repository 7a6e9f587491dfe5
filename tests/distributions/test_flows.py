"""Flows of which every step is a function of x: determinants, inverses, and that they heed x."""

from math import log

import pytest
import torch

from tests.distributions.heads import HEADS, D
from vae.distributions import (
    FlowPosterior,
    Head,
    InverseAutoregressiveFlow,
    center,
    draw,
    fixed_log_prob,
    tempered,
)
from vae.distributions.monotone_root import LEAST_SLOPE, bounded_product, monotone_root

pytestmark = pytest.mark.usefixtures("double_precision")

STEPS = ["planar", "radial", "sylvester"]
OF_ZUKO = ["flow", "flow on noise", "iaf", "iaf of splines", "maf"]
FLOWS = [*STEPS, *OF_ZUKO]


def raw(head, *lead, spread=1.0):
    return spread * torch.randn(*lead, *head.param_shape)


def image(step):
    return lambda x: step.call_and_ladj(x)[0]


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("name", STEPS)
def test_determinant_is_that_of_the_jacobian(name, spread):
    head = HEADS[name]()
    for step in head(raw(head, spread=spread)).steps:
        x = 2 * torch.randn(20, D)
        _, ladj = step.call_and_ladj(x)
        jacobian = torch.func.vmap(torch.func.jacrev(image(step)))(x)
        sign, exact = torch.linalg.slogdet(jacobian)
        assert (sign == 1).all()
        assert torch.allclose(ladj, exact, atol=1e-9)


@pytest.mark.parametrize("name", OF_ZUKO)
def test_determinant_of_a_flow_of_zuko_is_that_of_the_jacobian(name):
    head = HEADS[name]()
    q = head(raw(head))
    x = torch.randn(D)
    y, ladj = q.transform.inv.call_and_ladj(x)
    exact = torch.linalg.slogdet(torch.func.jacrev(q.transform.inv)(x)).logabsdet
    assert torch.allclose(ladj, exact, atol=1e-9)
    assert torch.allclose(q.transform(y), x, atol=1e-9)


@pytest.mark.parametrize("name", FLOWS)
def test_a_temperature_narrows_what_a_flow_carries(name):
    """Of a batch of draws and examples, as the prior of a level in a hierarchy is."""
    head = HEADS[name]()
    q = head(raw(head, 2, 5))
    half, z = tempered(q, 0.5), center(q)
    assert half.sample().shape == z.shape == (2, 5, D)
    assert torch.allclose(half.log_prob(z), q.log_prob(z) + D * log(2))


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("name", STEPS)
def test_inverse(name, spread):
    head = HEADS[name]()
    for step in head(raw(head, 50, spread=spread)).steps:
        x = 2 * torch.randn(7, 50, D)
        y = image(step)(x)
        assert (image(step)(step.inverse(y)) - y).abs().max() < 1e-11
        assert (step.inverse(y) - x).abs().max() < 1e-11 / LEAST_SLOPE


@pytest.mark.parametrize("name", STEPS)
def test_slope_stays_above_its_least_value_where_parameters_ask_for_a_fold(name):
    """Of w·u far below −1, say, a step would map two points to one."""
    head = HEADS[name]()
    for step in head(raw(head, 200, spread=10.0)).steps:
        _, ladj = step.call_and_ladj(torch.randn(20, 200, D))
        assert ladj.min() > D * torch.tensor(LEAST_SLOPE / 2).log()
    assert bounded_product(torch.tensor(-1e4)).item() == pytest.approx(LEAST_SLOPE - 1)
    assert bounded_product(torch.zeros(())).item() == pytest.approx(0)


def test_planar_product_is_above_minus_one():
    head = HEADS["planar"]()
    for step in head(raw(head, 500, spread=3.0)).steps:
        product = (step.w * step.u).sum(-1, keepdim=True)
        assert product.min() > -1
        assert torch.allclose(product, step.product)


def test_root_and_its_derivatives():
    r, c, t = (3 * torch.randn(200) for _ in range(3))
    s = bounded_product(3 * torch.randn(200)) / r
    given = [each.requires_grad_() for each in (r, s, c, t)]
    y = monotone_root(*given)
    left = y.detach() + r * (s * y.detach() + c).tanh()
    assert (left - t).abs().max() < 1e-12 * 20
    slope = 1 + r * s * (1 - (s * y.detach() + c).tanh().square())
    ours = torch.autograd.grad(y.sum(), given)
    theirs = torch.autograd.grad(((t - left) / slope.detach()).sum(), given)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", FLOWS)
def test_density_of_other_points_has_the_gradient_of_finite_differences(name):
    head = HEADS[name]()
    params, z = raw(head, 2, spread=0.5), torch.randn(2, D)
    inputs = (params.requires_grad_(), z.requires_grad_())
    assert torch.autograd.gradcheck(lambda params, z: head(params).log_prob(z), inputs)


@pytest.mark.parametrize("name", STEPS)
def test_held_density_of_own_draws(name):
    """Sticking the landing: the same value, and the gradient through the draw alone."""
    head = HEADS[name]()
    params = raw(head, 5).requires_grad_()
    q = head(params)
    z, log_q = draw(q, 7)
    held = fixed_log_prob(q, z)
    assert torch.allclose(held, log_q)
    leaf = z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(q.log_prob(leaf).sum(), leaf)
    (ours,) = torch.autograd.grad(held.sum(), params, retain_graph=True)
    (chained,) = torch.autograd.grad(z, params, slope)
    assert torch.allclose(ours, chained)


def heeds_x(head: Head) -> bool:
    """Say whether the shape, not only place and width, of a flow depends on its parameters."""
    params = raw(head, 1)
    other = params.clone()
    other[:, 2 * D :] += 1
    z = torch.randn(1, D)
    return not torch.allclose(head(params).log_prob(z), head(other).log_prob(z))


@pytest.mark.parametrize("name", FLOWS)
def test_shape_depends_on_x(name):
    assert heeds_x(HEADS[name]())


class Deaf(FlowPosterior):
    """A flow that is the same for all examples."""

    def forward(self, params):
        return super().forward(torch.cat([params[..., : 2 * D], 0 * params[..., 2 * D :]], -1))


def test_a_flow_that_ignores_x_is_caught():
    head = HEADS["iaf"]()
    assert not heeds_x(Deaf(D, flow=head.flow, context_dim=head.context_dim))


@pytest.mark.parametrize("bins", [None, 4])
def test_splines_bend_what_a_step_of_an_inverse_flow_would_scale(bins):
    y = torch.zeros(3, D)
    y[:, 0] = torch.tensor([-1.0, 0.0, 1.0])
    z = InverseAutoregressiveFlow(D, transforms=1, bins=bins)().transform.inv(y)[:, 0]
    assert ((z[0] - 2 * z[1] + z[2]).abs() > 1e-6) == (bins is not None)
    with pytest.raises(ValueError, match="bins must be at least 2, or null for no splines; got 1"):
        InverseAutoregressiveFlow(D, bins=1)


def test_a_draw_of_an_inverse_autoregressive_flow_takes_one_pass():
    head, calls = HEADS["iaf"](), []
    q = head(raw(head, 5))
    for part in head.modules():
        if type(part).__name__ == "MaskedMLP":
            part.register_forward_hook(lambda *_: calls.append(1))
    draw(q, 7)
    assert len(calls) == 2  # of two steps
    q.log_prob(torch.randn(5, D))
    assert len(calls) == 2 + 2 * D + 2
