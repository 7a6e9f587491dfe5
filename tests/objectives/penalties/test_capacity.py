from dataclasses import replace
from math import log

import pytest
import torch

from tests.objectives.penalties.traces import normal, trace_of
from vae.distributions import BernoulliPosterior, CategoricalPosterior, in_logarithms
from vae.objectives import ELBO, LinearSchedule, Penalized, Progress
from vae.objectives.penalties import Capacity
from vae.trace import Observed, Trace

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_penalty_is_the_distance_on_both_sides(side):
    mean = torch.randn(5, 3, requires_grad=True)
    trace = trace_of(normal(mean, 0.5))
    kl = trace.kl.mean()
    terms = Capacity(kl.item() + 2 * side, gamma=7.0)(trace)
    assert set(terms) == {"capacity"}
    assert terms["capacity"].item() == pytest.approx(14)
    ours, theirs = (
        torch.autograd.grad(t, mean, retain_graph=True)[0] for t in (*terms.values(), kl)
    )
    assert torch.allclose(ours, -7 * side * theirs)


def test_distance_is_that_of_the_mean_over_examples():
    """KLs on both sides of the capacity cancel."""
    trace = trace_of(normal(torch.tensor([[0.0], [2.0]]), 1.0))
    assert trace.kl.flatten().tolist() == [0, 2]
    assert Capacity(1.0)(trace)["capacity"] == 0


def test_capacity_grows_with_the_step():
    trace = trace_of(normal(torch.full((4, 1), 2.0), 1.0))
    objective, values = Capacity(LinearSchedule(2.0, steps=10), gamma=3.0), []
    for step in (0, 5, 20):
        values.append(objective(trace, Progress(step))["capacity"].item())
    assert values == pytest.approx([6, 3, 0])


def test_capacity_stands_in_place_of_the_kl():
    trace = trace_of(normal(torch.full((4, 1), 2.0), 1.0))
    terms = Penalized(ELBO(0.0), {"capacity": Capacity(2.0)})(
        Trace(trace.latents, (Observed("x", trace.px, torch.zeros(4, 1)),))
    )
    assert terms["kl"] == 0
    assert terms["capacity"] == 0


def test_each_latent_may_have_a_capacity_of_its_own():
    z, other = (trace_of(normal(torch.full((4, 1), m), 1.0)).latents[0] for m in (2.0, 4.0))
    trace = Trace((z, replace(other, name="c")), ())
    penalties = {name: Capacity(1.0, gamma=3.0, latent=name) for name in ("z", "c")}
    terms = {name: part(trace)[f"capacity_{name}"].item() for name, part in penalties.items()}
    assert terms == pytest.approx({"z": 3 * (2 - 1), "c": 3 * (8 - 1)})
    with pytest.raises(ValueError, match="has no latent d; it has z, c"):
        Capacity(1.0, latent="d")(trace)


@pytest.mark.parametrize(
    ("head", "count"),
    [
        (CategoricalPosterior(2, num_categories=5, temperature=0.7), 5),
        (BernoulliPosterior(2, temperature=0.7), 2),
    ],
)
def test_exact_categories_and_bits_carry_log_c_at_most(head, count):
    """Of probabilities that are sure: log C for each of two variables, whatever the temperature."""
    params = torch.zeros(3, *head.param_shape)
    params.unflatten(-1, (2, -1))[..., 0] = 40.0
    q, p = (in_logarithms(head.train()(raw)) for raw in (params, torch.zeros_like(params)))
    trace = trace_of(q, p=p)
    exact, relaxed = (Capacity(0.0, gamma=1.0, relaxed=r)(trace)["capacity"] for r in (False, True))
    assert exact.item() == pytest.approx(2 * log(count))
    assert relaxed > exact + 10


@pytest.mark.parametrize(
    ("build", "message"),
    [(lambda: Capacity(-1.0), "capacity must be"), (lambda: Capacity(1.0, gamma=-1.0), "gamma")],
)
def test_values_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
