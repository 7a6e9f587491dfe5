"""What every posterior head keeps: shapes, densities, gradients and divergences are right."""

import pytest
import torch
from torch.distributions import kl_divergence

from tests.distributions.heads import HEADS
from vae.distributions import center, draw, fixed_log_prob, in_logarithms
from vae.supports import same_support, support_of

FUNCTIONS = {"z": lambda z: z, "z²": torch.square, "cos z": torch.cos}
DRAWS = 20_000  # in all, for expectations


@pytest.fixture(params=HEADS)
def case(request, double_precision):
    return HEADS[request.param]


@pytest.fixture(params=HEADS)
def head(request, double_precision):
    return HEADS[request.param]().train(HEADS[request.param].training)


def raw(head, *lead, spread=1.0):
    return spread * torch.randn(*lead, *head.param_shape)


def expectations(z, event_dims):
    """Return `FUNCTIONS`, ``(*lead, 3)``, of draws ``(*lead, *event)``."""
    z = z.flatten(z.dim() - event_dims)
    counts = torch.arange(1.0, z.shape[-1] + 1)  # so that no two elements can be exchanged
    return torch.stack([(f(z) * counts).sum(-1) for f in FUNCTIONS.values()], -1)


@pytest.mark.parametrize("lead", [(5,), (2, 5)])
def test_shapes_and_support(head, lead):
    q = head(raw(head, *lead))
    z, log_q = draw(q, 7)
    assert (q.batch_shape, q.event_shape) == (lead, head.event_shape)
    assert z.shape == (7, *lead, *head.event_shape)
    assert head.support.check(z).all() or head.training  # which may be relaxed
    assert support_of(q).check(z).all()
    assert head.training or same_support(support_of(q), head.support)
    assert q.log_prob(z).shape == (7, *lead)
    assert center(q).shape == (*lead, *head.event_shape)
    assert log_q is None or torch.allclose(log_q, q.log_prob(z), atol=1e-8)


def test_values_are_broadcast_over_the_batch(head):
    """As by a mixture of posteriors, in which every value meets every component."""
    q = in_logarithms(head(raw(head, 5)))
    z, _ = draw(q, 3)
    one_by_one = z.unsqueeze(2)  # (3, 5, 1, *event)
    each = [q.log_prob(z[:, b : b + 1].expand(z.shape)) for b in range(5)]
    assert torch.allclose(q.log_prob(one_by_one), torch.stack(each, 1))


def test_expansion_repeats_the_same_distribution(head):
    q = in_logarithms(head(raw(head, 5)))
    wide = q.expand((2, 5))
    z, log_q = draw(wide, 7)
    assert (wide.batch_shape, wide.event_shape) == ((2, 5), head.event_shape)
    assert z.shape == (7, 2, 5, *head.event_shape)
    assert torch.allclose(wide.log_prob(z), q.log_prob(z))
    assert not q.has_rsample or torch.allclose(fixed_log_prob(wide, z), q.log_prob(z))
    assert log_q is None or torch.allclose(log_q, q.log_prob(z), atol=1e-8)


def test_density_integrates_to_one(case):
    head = case(case.dim).train(case.training)
    points, weights = case.nodes(case.dim)
    with torch.no_grad():
        density = head(raw(head, spread=case.spread)).log_prob(points).exp()
    assert (weights @ density - 1).abs() < case.tolerance


def test_gradient_of_expectations(case):
    """That of draws is, within four of its standard errors, the derivative of an integral."""
    head = case(case.dim).train(case.training)
    params = raw(head, spread=case.spread).requires_grad_()
    points, weights = case.nodes(case.dim)
    exact = (weights * head(params).log_prob(points).exp()) @ expectations(
        points, len(head.event_shape)
    )
    rows = params.detach().expand(DRAWS, *params.shape).clone().requires_grad_()
    q = head(rows)
    if not q.has_rsample:
        pytest.skip("draws have no gradient")
    values = expectations(draw(q)[0], len(head.event_shape))
    for number, name in enumerate(FUNCTIONS):
        (slope,) = torch.autograd.grad(exact[number], params, retain_graph=True)
        (each,) = torch.autograd.grad(values[:, number].sum(), rows, retain_graph=True)
        error = each.std(0) / DRAWS**0.5
        assert ((each.mean(0) - slope).abs() < 4 * error + 10 * case.tolerance).all(), name
        error = values[:, number].std() / DRAWS**0.5
        assert (values[:, number].mean() - exact[number]).abs() < 4 * error + 10 * case.tolerance


def test_closed_divergences_are_those_of_draws(case):
    """To every head of the same events on the same space for which torch knows one."""
    for other in HEADS.values():
        heads = [case().train(case.training), other().train(case.training)]
        alike = heads[0].event_shape == heads[1].event_shape
        if not (alike and same_support(heads[0].support, heads[1].support)):
            continue
        q, p = (head(raw(head, 4, spread=case.spread)) for head in heads)
        try:
            kl = kl_divergence(q, p)
        except NotImplementedError:
            continue
        with torch.no_grad():
            z, _ = draw(q, DRAWS // 4)
            ratio = q.log_prob(z) - p.log_prob(z)
        error = ratio.std(0) / len(z) ** 0.5
        assert ((ratio.mean(0) - kl).abs() < 4 * error + 1e-8).all(), type(heads[1]).__name__


def test_draws_and_densities_carry_gradients_to_every_parameter(case):
    head = case().train(case.training)
    params = raw(head, 5, spread=case.spread).requires_grad_()
    q = head(params)
    z, _ = draw(q, 7)
    weights = torch.randn_like(z)
    ((z * weights).sum() + q.log_prob(z).sum()).backward()
    assert (params.grad != 0).all()
    assert all((p.grad is not None) and p.grad.isfinite().all() for p in head.parameters())


def test_a_saved_head_is_the_same(case):
    head, other = case(), case()
    other.load_state_dict(head.state_dict())
    params = raw(head, 5)
    q, p = (each.eval()(params) for each in (head, other))
    z, _ = draw(q, 7)
    assert torch.equal(q.log_prob(z), p.log_prob(z))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_that_of_the_parameters(case, dtype):
    head = case().to(dtype).train(case.training)
    q = head(raw(head, 5).to(dtype))
    z, log_q = draw(q, 7)
    assert z.dtype == q.log_prob(z).dtype == dtype
    assert log_q is None or log_q.dtype == dtype


def test_extreme_parameters_stay_finite(case):
    head = case().float().train(case.training)
    params = raw(head, 50, spread=1e4).float().requires_grad_()
    q = in_logarithms(head(params))
    z, log_q = draw(q, 7)
    log_q = q.log_prob(z) if log_q is None else log_q
    assert z.isfinite().all()
    assert log_q.isfinite().all()
    for figure in (z if q.has_rsample else log_q, log_q):
        (slope,) = torch.autograd.grad(figure.sum(), params, retain_graph=True)
        assert slope.isfinite().all()


# Of zuko, whose transforms end a graph, and of torch, whose checks of one-hot variables do.
NO_GRAPH = ["flow", "flow on noise", "iaf", "iaf of splines", "maf", "categorical"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch about itself
@pytest.mark.parametrize("name", [name for name in HEADS if name not in NO_GRAPH])
def test_a_draw_and_its_density_are_one_graph(name):
    head = HEADS[name]().train(HEADS[name].training)
    params = raw(head, 5).requires_grad_()

    def figure(params):
        q = head(params)
        z, log_q = draw(q, 2)
        return q.log_prob(z) if log_q is None else log_q

    torch._dynamo.reset()  # the same function, of another head
    compiled = torch.compile(figure, backend="aot_eager", fullgraph=True)
    torch.manual_seed(0)
    ours = compiled(params)
    torch.manual_seed(0)
    theirs = figure(params)
    assert torch.allclose(ours, theirs, atol=1e-4)
    slopes = [torch.autograd.grad(each.sum(), params)[0] for each in (ours, theirs)]
    assert torch.allclose(*slopes, atol=1e-4)
