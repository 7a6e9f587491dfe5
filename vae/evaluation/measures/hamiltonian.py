"""Hamiltonian Monte Carlo on a path of densities, many chains at once.

The path is f_β(z) ∝ base(z) · exp(β · ratio(z)): its density and its gradient at every β follow
from two values and two gradients, so that a change of β costs nothing.
"""

__all__ = ["Path", "PathPoint", "differentiate", "leapfrog", "transition"]

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class PathPoint(NamedTuple):
    """Where the chains are, with what the path says there.

    Attributes:
        z: ``(C, B, *event)``, C chains of B targets.
        log_base: Log-density of the path's start, ``(C, B)``.
        log_ratio: Logarithm of what is raised to the power β, ``(C, B)``.
        base_gradient: Gradient of ``log_base`` in z, ``(C, B, *event)``.
        ratio_gradient: Gradient of ``log_ratio`` in z, ``(C, B, *event)``.
    """

    z: Tensor
    log_base: Tensor
    log_ratio: Tensor
    base_gradient: Tensor
    ratio_gradient: Tensor

    def log_density(self, beta: float) -> Tensor:
        """Return log f_β, unnormalised, ``(C, B)`` in double precision."""
        return self.log_base.double() + beta * self.log_ratio.double()

    def gradient(self, beta: float) -> Tensor:
        """Return the gradient of log f_β in z, ``(C, B, *event)``."""
        return self.base_gradient + beta * self.ratio_gradient


Path = Callable[[Tensor], PathPoint]  # z (C, B, *event) to the point there


def differentiate(terms: Callable[[Tensor], tuple[Tensor, Tensor]], z: Tensor) -> PathPoint:
    """Return the point at z of a path given by its two logarithms.

    Args:
        terms: z to ``log_base`` and ``log_ratio``, ``(C, B)`` each.
        z: ``(C, B, *event)``.
    """
    z = z.detach().requires_grad_()
    with torch.enable_grad():
        log_base, log_ratio = terms(z)
        (base_gradient,) = torch.autograd.grad(log_base.sum(), z, retain_graph=True)
        (ratio_gradient,) = torch.autograd.grad(log_ratio.sum(), z)
    return PathPoint(
        z.detach(), log_base.detach(), log_ratio.detach(), base_gradient, ratio_gradient
    )


def leapfrog(
    path: Path, start: PathPoint, momentum: Tensor, beta: float, step: Tensor, num_steps: int
) -> tuple[PathPoint, Tensor]:
    """Follow the Hamiltonian flow of f_β for some steps; reversible, and volume is preserved.

    Args:
        path: The path of densities.
        start: Where it begins.
        momentum: Of unit mass, ``(C, B, *event)``.
        beta: Which density.
        step: Its length, broadcastable to z; one for each coordinate amounts to a diagonal mass.
        num_steps: How many, at least 1; each takes one gradient.

    Returns:
        The end, and the momentum there.
    """
    point = start
    momentum = momentum + 0.5 * step * point.gradient(beta)
    for i in range(num_steps):
        point = path(point.z + step * momentum)
        last = i == num_steps - 1
        momentum = momentum + (0.5 if last else 1.0) * step * point.gradient(beta)
    return point, momentum


def transition(
    path: Path, start: PathPoint, beta: float, step: Tensor, num_steps: int
) -> tuple[PathPoint, Tensor]:
    """Move every chain once, in a way that leaves f_β invariant.

    Arguments as for `leapfrog`. A proposal where the density is not a number is rejected.

    Returns:
        The next point, and the probability ``(C, B)`` with which the proposal was accepted.

    References:
        MCMC using Hamiltonian dynamics (Neal, 2011), 1206.1901.
    """
    momentum = torch.randn_like(start.z)
    end, end_momentum = leapfrog(path, start, momentum, beta, step, num_steps)
    gain = end.log_density(beta) - start.log_density(beta)
    log_ratio = gain + kinetic_energy(momentum) - kinetic_energy(end_momentum)
    acceptance = log_ratio.nan_to_num(nan=-torch.inf).clamp(max=0).exp()
    accepted = torch.rand_like(acceptance) < acceptance
    moved = (where(accepted, new, old) for new, old in zip(end, start, strict=True))
    return PathPoint(*moved), acceptance


def kinetic_energy(momentum: Tensor) -> Tensor:
    """Return ½‖momentum‖², ``(C, B)`` in double precision."""
    return 0.5 * momentum.double().square().flatten(2).sum(-1)


def where(accepted: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """Return ``new`` for the chains ``(C, B)`` that accepted, else ``old``."""
    return torch.where(accepted.view(*accepted.shape, *[1] * (new.dim() - 2)), new, old)
