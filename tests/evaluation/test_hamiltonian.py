"""Hamiltonian Monte Carlo on a path between Gaussians."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from vae.evaluation.measures.hamiltonian import differentiate, leapfrog, transition

pytestmark = pytest.mark.usefixtures("double_precision")

MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)
PRECISION = torch.tensor([[4.0, 1.5], [1.5, 1.0]], dtype=torch.float64)


def path(z):
    """From the standard normal to its product with a Gaussian of `PRECISION` around `MEAN`."""

    def terms(z):
        d = z - MEAN
        return -0.5 * z.square().sum(-1), -0.5 * torch.einsum("...i,ij,...j", d, PRECISION, d)

    return differentiate(terms, z)


def target(beta):
    precision = torch.eye(2) + beta * PRECISION
    return MultivariateNormal(
        torch.linalg.solve(precision, beta * PRECISION @ MEAN), precision_matrix=precision
    )


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_density_and_gradient_are_those_of_the_path(beta):
    z = torch.randn(3, 4, 2, requires_grad=True)
    log_prob = target(beta).log_prob(z)
    (gradient,) = torch.autograd.grad(log_prob.sum(), z)
    point = path(z)
    assert torch.allclose(point.gradient(beta), gradient)
    offset = point.log_density(beta) - log_prob
    assert torch.allclose(offset, offset[0, 0])


def test_leapfrog_is_reversible():
    start, momentum = path(torch.randn(3, 4, 2)), torch.randn(3, 4, 2)
    step = torch.tensor([[[0.2, 0.5]]])
    there, momentum_there = leapfrog(path, start, momentum, 0.7, step, 6)
    back, momentum_back = leapfrog(path, there, -momentum_there, 0.7, step, 6)
    assert (there.z - start.z).abs().min() > 1e-3
    assert torch.allclose(back.z, start.z, atol=1e-12)
    assert torch.allclose(momentum_back, -momentum, atol=1e-12)


def test_leapfrog_errs_by_the_square_of_the_step():
    start, momentum = path(torch.randn(1, 500, 2)), torch.randn(1, 500, 2)
    errors = []
    for num_steps in (20, 40):
        end, p = leapfrog(path, start, momentum, 1.0, torch.tensor(2.0 / num_steps), num_steps)
        energy = [
            a.log_density(1.0) - 0.5 * b.square().sum(-1) for a, b in ((start, momentum), (end, p))
        ]
        errors.append((energy[1] - energy[0]).abs().mean().item())
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)


def test_a_transition_leaves_its_density_invariant_at_a_coarse_step():
    exact, count, beta = target(0.7), 40_000, 0.7
    point = path(exact.sample((count, 1)))
    for _ in range(4):
        point, acceptance = transition(path, point, beta, torch.tensor([0.8, 0.9]), 2)
    assert 0.3 < acceptance.mean() < 0.8
    white = (point.z[:, 0] - exact.mean) @ torch.linalg.cholesky(exact.precision_matrix)
    assert white.mean(0).abs().max() < 4 / count**0.5
    second = white.T @ white / count
    assert (second - torch.eye(2)).abs().max() < 4 * (2 / count) ** 0.5


def test_a_proposal_off_the_density_is_rejected():
    def broken(z):
        return path(torch.where(z > 0.5, torch.nan, z))

    start = path(torch.zeros(2, 3, 2))
    moved, acceptance = transition(broken, start, 1.0, torch.tensor(100.0), 1)
    lost = acceptance == 0
    assert lost.any()
    assert moved.z.isfinite().all()
    assert torch.equal(moved.z[lost], start.z[lost])
