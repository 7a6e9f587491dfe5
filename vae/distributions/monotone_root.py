"""The root of y + r tanh(s y + c) = t, by which planar and Sylvester flows are inverted."""

__all__ = ["LEAST_SLOPE", "bounded_product", "monotone_root"]

import math

import torch
from torch import Tensor

LEAST_SLOPE = 1e-3  # of a step of a flow, so that its inverse is steep, and not infinitely so
HALVINGS, STEPS = 24, 4  # of the interval; then of Newton's method, for the digits that remain


def monotone_root(r: Tensor, s: Tensor, c: Tensor, t: Tensor) -> Tensor:
    """Return the y with ``y + r tanh(s y + c) = t``, of the tensors' broadcast shape.

    The left side rises with y, since r s is above −1; the root lies within |r| of t. The derivative
    by all four is that of the solution.

    Example:
        >>> one = torch.ones(())
        >>> y = monotone_root(one, one, 0 * one, 2 * one)
        >>> round((y + y.tanh()).item(), 5)
        2.0
    """
    with torch.no_grad():
        low, high = t - r.abs(), t + r.abs()
        for _ in range(HALVINGS):
            y = (low + high) / 2
            above = y + r * (s * y + c).tanh() > t
            low, high = torch.where(above, low, y), torch.where(above, y, high)
        y = (low + high) / 2
        for _ in range(STEPS):
            y = newton(y, r, s, c, t).clamp(low, high)
    return newton(y, r, s, c, t)


def newton(y: Tensor, r: Tensor, s: Tensor, c: Tensor, t: Tensor) -> Tensor:
    """Return one step of Newton's method; from the root, it is the root with its derivative."""
    bent = (s * y + c).tanh()
    slope = (1 + r * s * (1 - bent.square())).detach()
    return y - (y + r * bent - t) / slope


def bounded_product(x: Tensor) -> Tensor:
    """Map an unbounded number to one above −1 by `LEAST_SLOPE` at least: 0 to 0, rising.

    It is ``softplus(x + log(e^m − 1)) − m`` with ``m = 1 − LEAST_SLOPE``.
    """
    most = 1 - LEAST_SLOPE
    return torch.nn.functional.softplus(x + math.log(math.expm1(most))) - most
