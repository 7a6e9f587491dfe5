"""The parts of the KL against an aggregate posterior that is known exactly.

Their sum is the sampled KL whatever the weights of the batch, so each part is checked. The data are
20,000 examples with so little overlap that I(x; z) = 9.8 of at most log N = 9.9 nats; TC is 5.6.
"""

from functools import cache
from math import log, pi

import pytest
import torch
import zuko

from tests.objectives.penalties.traces import normal, trace_of, z_score
from vae.distributions import FlowPosterior, aggregate_log_probs
from vae.objectives import LinearSchedule, Progress
from vae.objectives.penalties import TotalCorrelation
from vae.objectives.penalties.total_correlation import (
    stratified_log_weights,
    weighted_log_weights,
)

pytestmark = pytest.mark.usefixtures("double_precision")

N, B, D, BATCHES = 20_000, 256, 6, 4
SIGMA = 0.15
PARTS = ("mutual_information", "total_correlation", "dimension_wise_kl")


@cache
def batches():
    """The posteriors of all examples, and a few batches of examples with a draw of each."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(N, D, generator=generator, dtype=torch.float64)
    covariance = 0.3 * torch.eye(D) + 0.7 * torch.ones(D, D)
    mean = 2 * noise @ torch.linalg.cholesky(covariance.double()).T
    order = torch.randperm(N, generator=generator)[: BATCHES * B]
    eps = torch.randn(BATCHES, 1, B, D, generator=generator, dtype=torch.float64)
    rows = order.reshape(BATCHES, B)
    return mean, rows, mean[rows].unsqueeze(1) + SIGMA * eps


@cache
def exact_parts():
    """The parts at the draws of all batches, from the mixture of all N posteriors, in numbers."""
    mean, rows, z = batches()
    own = z - mean[rows].unsqueeze(1)
    log_q = log_normal(own / SIGMA).sum(-1) - D * log(SIGMA)
    chunks = [mixture(chunk, mean) for chunk in z.reshape(-1, D).split(64)]
    log_qz, log_qz_j = (torch.cat(pieces) for pieces in zip(*chunks, strict=True))
    log_product = log_qz_j.sum(-1)
    log_p = log_normal(z).sum(-1)
    parts = (log_q.flatten() - log_qz, log_qz - log_product, log_product - log_p.flatten())
    return dict(zip(PARTS, (part.mean().item() for part in parts), strict=True))


def mixture(z, mean):
    """Log q(z) and log q(z_j) at a few points: plain sums, as no density here underflows."""
    total, by_dim = torch.zeros(len(z), N), []
    for j in range(D):
        exponent = -0.5 * ((z[:, j, None] - mean[:, j]) / SIGMA).square()
        by_dim.append(exponent.exp().mean(1).log())
        total += exponent
    normaliser = log(SIGMA) + 0.5 * log(2 * pi)
    return total.exp().mean(1).log() - D * normaliser, torch.stack(by_dim, 1) - normaliser


def log_normal(x):
    return -0.5 * x.square() - 0.5 * log(2 * pi)


def parts_with(log_weights, trace, num_examples=N):
    objective = TotalCorrelation()
    objective.log_weights = log_weights
    return objective.parts(trace, Progress(num_examples=num_examples))


def estimated_parts(log_weights):
    """The mean over batches of each part, at the draws at which the exact parts are known."""
    mean, rows, z = batches()
    sums = dict.fromkeys(PARTS, 0.0)
    for row, draws in zip(rows, z, strict=True):
        trace = trace_of(normal(mean[row], SIGMA))
        trace.latents[0].z.copy_(draws)
        for name, part in parts_with(log_weights, trace).items():
            sums[name] += part.item() / BATCHES
    return sums


def check_parts(log_weights):
    """Each part within 10 %."""
    estimates = estimated_parts(log_weights)
    for name, exact in exact_parts().items():
        assert estimates[name] == pytest.approx(exact, rel=0.1), name


def check_unbiased(log_weights):
    """E over batches of q̂(z) is q(z), at a z of the batch's fourth example."""
    num_examples, batch_size, place = 40, 6, 3
    mean = torch.randn(num_examples, 2)
    z = normal(mean, 0.5).sample()[:1]
    exact = normal(mean, 0.5).log_prob(z).exp().mean()
    log_w = log_weights(batch_size, num_examples)
    estimates = []
    for _ in range(4000):
        rows = 1 + torch.randperm(num_examples - 1)[:batch_size]
        rows[place] = 0
        log_qz, _ = aggregate_log_probs(normal(mean[rows], 0.5), z, log_w[place])
        estimates.append(log_qz.exp())
    estimates = torch.cat(estimates)
    assert z_score(estimates, exact).abs() < 4
    assert estimates.std() / len(estimates) ** 0.5 < 0.03 * exact


def column(b, n, device=None):
    """1/N along the first column, as in published code."""
    log_w = stratified_log_weights(b, n).fill_diagonal_(log(n - 1) - log(n) - log(b - 1))
    log_w[:, 0] = -log(n)
    return log_w


def flipped(b, n, device=None):
    return -stratified_log_weights(b, n)


def without_n(b, n, device=None):
    return stratified_log_weights(b, n) + log(n)


MUTANTS = {"column": column, "flipped": flipped, "without N": without_n}


def test_there_is_something_to_measure():
    exact = exact_parts()
    assert 9 < exact["mutual_information"] < log(N)
    assert exact["total_correlation"] > 4
    assert exact["dimension_wise_kl"] > 4


def test_stratified_parts_are_the_exact_ones():
    check_parts(stratified_log_weights)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name):
    with pytest.raises(AssertionError):
        check_parts(MUTANTS[name])


def test_stratified_density_is_unbiased():
    check_unbiased(stratified_log_weights)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_biased_density_is_caught(name):
    with pytest.raises(AssertionError):
        check_unbiased(MUTANTS[name])


def test_minibatch_weights_overestimate_information_and_correlation():
    """They are a lower bound of log q(z), here by about log B, and of log q(z_j) by log N."""
    exact, estimates = exact_parts(), estimated_parts(weighted_log_weights)
    excess = estimates["mutual_information"] - exact["mutual_information"]
    assert excess == pytest.approx(log(B), abs=0.5)
    assert estimates["total_correlation"] > 2 * exact["total_correlation"]
    assert estimates["dimension_wise_kl"] < 0


@pytest.mark.parametrize("stratified", [True, False])
def test_the_option_chooses_the_weights(stratified):
    weights = stratified_log_weights if stratified else weighted_log_weights
    trace = trace_of(normal(torch.randn(8, 3), 0.5))
    parts = TotalCorrelation(stratified=stratified).parts(trace, Progress(num_examples=100))
    assert parts == parts_with(weights, trace, 100)


@pytest.mark.parametrize(("b", "n"), [(1, 1), (1, 50), (2, 2), (7, 7), (7, 50), (256, 60_000)])
def test_stratified_weights_of_a_row_sum_to_one(b, n):
    log_w = stratified_log_weights(b, n).double()
    assert torch.allclose(log_w.exp().sum(1), torch.ones(b))
    if b > 1:
        assert torch.allclose(log_w.diagonal().exp(), torch.tensor(1 / n))


def test_a_batch_of_all_examples_is_the_plain_mixture():
    """The minibatch-weighted density is short of it by the factor N, in all of its dimensions."""
    n = 9
    assert torch.allclose(stratified_log_weights(n, n).exp(), torch.tensor(1 / n))
    assert torch.allclose(weighted_log_weights(n, n).exp(), torch.tensor(1 / n**2))


@pytest.mark.parametrize("num_examples", [0, 5])
def test_unknown_or_too_few_examples_mean_those_of_the_batch(num_examples):
    trace = trace_of(normal(torch.randn(8, 3), 0.5))
    parts = parts_with(stratified_log_weights, trace, num_examples)
    assert parts == parts_with(stratified_log_weights, trace, 8)


@pytest.mark.parametrize(
    "log_weights", [stratified_log_weights, weighted_log_weights, *MUTANTS.values()]
)
def test_the_sum_is_the_sampled_kl_whatever_the_weights(log_weights):
    trace = trace_of(normal(torch.randn(8, 3), 0.5), num_samples=2)
    latent = trace.latents[0]
    parts = parts_with(log_weights, trace)
    assert torch.allclose(sum(parts.values()), (latent.log_q - latent.log_p).mean())


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize("num_examples", [0, 100])
def test_a_batch_of_one_example_is_finite(stratified, num_examples):
    mean = torch.randn(1, 3, requires_grad=True)
    objective = TotalCorrelation(1.0, 1.0, 1.0, stratified=stratified)
    terms = objective(trace_of(normal(mean, 0.5)), Progress(num_examples=num_examples))
    assert all(term.isfinite() for term in terms.values())
    sum(terms.values()).backward()
    assert mean.grad.isfinite().all()


def test_weights_multiply_their_parts_and_zero_drops_one():
    trace = trace_of(normal(torch.randn(8, 3), 0.5))
    objective = TotalCorrelation(0.0, 5.0, 2.0)
    parts, terms = objective.parts(trace), objective(trace)
    assert set(terms) == {"total_correlation", "dimension_wise_kl"}
    assert torch.allclose(terms["total_correlation"], 5 * parts["total_correlation"])
    assert torch.allclose(terms["dimension_wise_kl"], 2 * parts["dimension_wise_kl"])


def test_a_scheduled_weight_follows_the_step_and_is_never_dropped():
    trace = trace_of(normal(torch.randn(8, 3), 0.5))
    objective = TotalCorrelation(total_correlation=LinearSchedule(4.0, steps=10))
    part, values = objective.parts(trace)["total_correlation"], []
    for step in (0, 5, 20):
        values.append((objective(trace, Progress(step))["total_correlation"] / part).item())
    assert values == pytest.approx([0, 2, 4])


@pytest.mark.parametrize("name", PARTS)
def test_negative_weights_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be a finite number of at least 0"):
        TotalCorrelation(**{name: -1.0})


def test_flows_are_refused():
    flow = zuko.flows.NSF(3, 4, transforms=1, hidden_features=[8])
    q = FlowPosterior(3, flow=flow, context_dim=4)(torch.randn(5, 10))
    with pytest.raises(ValueError, match=r"factorised q\(z\|x\); got ConditionalFlow. Use .*mmd"):
        TotalCorrelation()(trace_of(q))
