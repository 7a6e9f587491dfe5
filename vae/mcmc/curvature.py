"""The curvature of a log-density, which bounds the steps of methods that follow its gradient."""

__all__ = ["gradient", "largest_curvature"]

from collections.abc import Callable

import torch
from torch import Generator, Tensor

LogDensity = Callable[[Tensor], Tensor]  # u (C, D) to (C,)
NUM_PRODUCTS = 25


def gradient(log_density: LogDensity, u: Tensor) -> Tensor:
    """Return the gradient at every row of ``(C, D)``."""
    u = u.detach().requires_grad_()
    with torch.enable_grad():
        return torch.autograd.grad(log_density(u).sum(), u, materialize_grads=True)[0]


def largest_curvature(log_density: LogDensity, u: Tensor, *, seed: int = 0) -> Tensor:
    r"""Return the largest eigenvalue of :math:`-\nabla^2 \log p` at every row, ``(C,)``.

    By the power method on products with the Hessian, which is never formed: from below, a few per
    cent short where eigenvalues lie close together.

    Args:
        log_density: u ``(C, D)`` to ``(C,)``, each of its own row alone.
        u: ``(C, D)``.
        seed: Of the direction to start from.
    """
    u = u.detach().requires_grad_()
    with torch.enable_grad():
        slope = torch.autograd.grad(
            log_density(u).sum(), u, create_graph=True, materialize_grads=True
        )[0]
    if not slope.requires_grad:  # of a linear function
        return torch.zeros_like(u[:, 0])

    def product(v: Tensor) -> Tensor:
        return -torch.autograd.grad(slope, u, v, retain_graph=True, materialize_grads=True)[0]

    start = torch.empty_like(u).normal_(generator=Generator(u.device).manual_seed(seed))
    size = power_method(product, start)
    # The eigenvalue that is largest in size may be negative: moved up, the largest is.
    shift = size.abs()[:, None]
    return power_method(lambda v: product(v) + shift * v, start) - shift[:, 0]


def power_method(product: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    """Return the Rayleigh quotient ``(C,)`` after some products from ``(C, D)`` on."""
    for _ in range(NUM_PRODUCTS):
        v = v / v.norm(dim=1, keepdim=True).clamp_min(torch.finfo(v.dtype).tiny)
        image = product(v)
        quotient, v = (v * image).sum(1), image
    return quotient
