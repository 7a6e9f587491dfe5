import pytest
import torch
from scipy.optimize import linear_sum_assignment

from tests.objectives.penalties.traces import trace_at
from vae.objectives import LinearSchedule, Progress
from vae.objectives.penalties import SlicedWasserstein

pytestmark = pytest.mark.usefixtures("double_precision")

SEED = 5


def prior_draws(n, dim):
    """The draws that the penalty takes from the prior after `term` has set the seed."""
    torch.manual_seed(SEED)
    return trace_at(torch.zeros(n, dim)).latents[0].p.sample((n,))


def term(z, **options):
    torch.manual_seed(SEED)
    return SlicedWasserstein(1.0, **options)(trace_at(z))["sliced_wasserstein"]


def test_one_dimension_is_optimal_transport():
    """The best of all pairings, found by the assignment problem and not by sorting."""
    z = 2 * torch.randn(40, 1) + 1
    cost = (z - prior_draws(40, 1).T).square()
    expected = cost[linear_sum_assignment(cost)].mean()
    assert torch.allclose(term(z), expected)


@pytest.mark.parametrize("dim", [2, 5])
def test_equal_samples_are_zero_apart(dim):
    u = prior_draws(40, dim)
    assert term(u[torch.randperm(40)]) < 1e-25


@pytest.mark.parametrize("dim", [2, 5])
def test_a_shift_costs_its_squared_length_over_the_dimensions(dim):
    """Along θ it costs (θ·m)², of mean ‖m‖²/D over the sphere."""
    m = torch.randn(dim)
    projections = 20_000
    exact = m.square().sum() / dim
    # The variance of cos² of the angle between m and a uniform direction.
    error = m.square().sum() * (3 / (dim * (dim + 2)) - 1 / dim**2) ** 0.5 / projections**0.5
    distance = term(prior_draws(20, dim) + m, num_projections=projections)
    assert (distance - exact).abs() < 4 * error
    assert error < 0.02 * exact


def test_distance_grows_with_a_change_of_scale():
    u = prior_draws(300, 3)
    distances = [term(scale * u).item() for scale in (1.0, 0.7, 0.4, 0.0)]
    assert distances == sorted(distances)


def test_gradient_moves_latents_towards_the_prior():
    z = (torch.randn(200, 2) + 3).requires_grad_()
    term(z).backward()
    assert ((z - 50 * z.grad).norm(dim=1) < z.norm(dim=1)).double().mean() > 0.9


def test_weight_may_be_a_schedule():
    z = torch.randn(20, 2)
    objective = SlicedWasserstein(LinearSchedule(6.0, steps=10))
    torch.manual_seed(SEED)
    value = objective(trace_at(z), Progress(5))["sliced_wasserstein"]
    assert torch.allclose(value, 3 * term(z))


def test_a_batch_of_one_example_is_finite():
    assert term(torch.randn(1, 2)).isfinite()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"weight": -1.0}, "weight must be"), ({"num_projections": 0}, "num_projections must be")],
)
def test_values_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SlicedWasserstein(**options)
