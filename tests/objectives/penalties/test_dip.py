import pytest
import torch
import zuko

from tests.distributions.heads import HEADS
from tests.objectives.penalties.traces import normal, trace_of
from vae.distributions import FlowPosterior, NormalPosterior
from vae.objectives import LinearSchedule, Progress
from vae.objectives.penalties import DIP

pytestmark = pytest.mark.usefixtures("double_precision")

B, D = 12, 3


def posterior():
    return NormalPosterior(D)(torch.randn(B, 2 * D))


def explicit_covariance(mean, variance):
    """Loops over pairs of dimensions and examples; DIP-VAE II where a variance is given."""
    centre = [sum(row[i] for row in mean) / B for i in range(D)]
    c = torch.zeros(D, D)
    for i in range(D):
        for j in range(D):
            c[i, j] = sum((row[i] - centre[i]) * (row[j] - centre[j]) for row in mean) / B
        if variance is not None:
            c[i, i] += sum(row[i] for row in variance) / B
    return c


def explicit_penalty(c, off_diagonal, diagonal):
    total = 0.0
    for i in range(D):
        for j in range(D):
            total += diagonal * (c[i, i] - 1) ** 2 if i == j else off_diagonal * c[i, j] ** 2
    return total


def check(objective):
    """The covariance and the penalty, of I or II, against loops."""
    q = posterior()
    c = explicit_covariance(q.mean, q.variance if objective.variance else None)
    trace = trace_of(q)
    assert torch.allclose(objective.covariance(trace), c)
    expected = explicit_penalty(c, objective.off_diagonal, objective.diagonal)
    assert torch.allclose(objective(trace)["dip"], expected)


def mutant(covariance):
    objective = DIP(10.0, 5.0, variance=True)
    objective.covariance = lambda trace: covariance(trace.latents[0].q)
    return objective


def centred_over_dimensions(q):
    centered = q.mean - q.mean.mean(1, keepdim=True)
    return centered.T @ centered / B + torch.diag(q.variance.mean(0))


def without_batch_size(q):
    centered = q.mean - q.mean.mean(0)
    return centered.T @ centered + torch.diag(q.variance.mean(0))


def variance_squared(q):
    """Exp(2 log σ²) for σ²."""
    return torch.cov(q.mean.T, correction=0) + torch.diag(q.variance.square().mean(0))


MUTANTS = {
    "centred over dimensions": centred_over_dimensions,
    "without batch size": without_batch_size,
    "variance squared": variance_squared,
}


@pytest.mark.parametrize("variance", [False, True])
def test_penalty_is_that_of_loops(variance):
    check(DIP(10.0, 5.0, variance=variance))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name):
    with pytest.raises(AssertionError):
        check(mutant(MUTANTS[name]))


def test_covariance_of_the_means_is_torchs():
    q = posterior()
    covariance = DIP().covariance(trace_of(q))
    assert torch.allclose(covariance, torch.cov(q.mean.T, correction=0))


def test_second_kind_adds_the_mean_variance_on_the_diagonal():
    q = posterior()
    trace = trace_of(q)
    difference = DIP(variance=True).covariance(trace) - DIP().covariance(trace)
    assert torch.allclose(difference, torch.diag(q.variance.mean(0)), atol=1e-12)


def test_second_kind_is_the_covariance_of_draws():
    q = posterior()
    z = q.sample((50_000,)).flatten(0, 1)
    covariance = DIP(variance=True).covariance(trace_of(q))
    assert torch.allclose(torch.cov(z.T), covariance, rtol=0.02, atol=0.02)


def whitened():
    mean = torch.randn(B, D)
    mean = mean - mean.mean(0)
    return torch.linalg.qr(mean).Q * B**0.5


def test_whitened_means_cost_nothing():
    mean = whitened()
    assert DIP()(trace_of(normal(mean, 0.5)))["dip"] < 1e-20
    assert DIP(variance=True)(trace_of(normal(mean, 0.5)))["dip"] == pytest.approx(100 * D / 16)
    assert DIP()(trace_of(normal(2 * mean, 0.5)))["dip"] == pytest.approx(100 * D * 9)


def test_a_shift_of_all_means_costs_nothing():
    mean = torch.randn(B, D)
    one, other = (DIP()(trace_of(normal(m, 0.5)))["dip"] for m in (mean, mean + 7))
    assert torch.allclose(one, other)


@pytest.mark.parametrize("name", ["off_diagonal", "diagonal"])
def test_each_weight_has_its_own_part_and_may_be_a_schedule(name):
    trace = trace_of(posterior())
    alone = {"off_diagonal": 0.0, "diagonal": 0.0}
    full = DIP(**alone | {name: 3.0})(trace)["dip"]
    objective = DIP(**alone | {name: LinearSchedule(3.0, steps=10)})
    assert full > 0
    assert torch.allclose(objective(trace, Progress(5))["dip"], full / 2)


def test_a_batch_of_one_example_is_finite():
    params = torch.randn(1, 2 * D, requires_grad=True)
    DIP(variance=True)(trace_of(NormalPosterior(D)(params)))["dip"].backward()
    assert params.grad.isfinite().all()


@pytest.mark.parametrize("name", ["full normal", "low-rank normal", "mixture"])
def test_covariances_within_examples_count(name, double_precision):
    """Of latents that are not independent given x; draws have the covariance that is meant."""
    head = HEADS[name]()
    q = head(0.5 * torch.randn(4, *head.param_shape))
    z = q.sample((100_000,)).flatten(0, 1)
    found = DIP(variance=True).covariance(trace_of(q))
    assert torch.allclose(found, z.T.cov(correction=0), atol=0.05)
    assert (found - torch.diag(found.diagonal())).abs().max() > 0.1


def test_a_posterior_without_moments_is_refused():
    flow = zuko.flows.NSF(D, 4, transforms=1, hidden_features=[8])
    q = FlowPosterior(D, flow=flow, context_dim=4)(torch.randn(5, 2 * D + 4))
    with pytest.raises(ValueError, match=r"mean and variance; got ConditionalFlow. Use posterior"):
        DIP()(trace_of(q))
