"""Smooth bounds: a raw output of a net becomes a log-scale that can neither overflow nor vanish."""

__all__ = ["LOG_SCALE_BOUNDS", "inverse_soft_bound", "soft_bound", "started"]

import math
from functools import cache

import torch
from torch import Tensor

# σ from 9e-4 to 148. Above 5, exp(2 log σ) = σ² overflows in half precision (at 5.5); below -7,
# 1/σ² exceeds a million and one badly predicted value rules the gradient of a whole batch.
LOG_SCALE_BOUNDS = (-7.0, 5.0)

MARGIN = 0.5  # a start nearer to a bound would lie where the slope is too small to learn
_INSIDE = 1 - 1e-6  # keeps the rounded result within the bounds


def soft_bound(x: Tensor, low: float, high: float) -> Tensor:
    """Bound `x` smoothly and monotonically to the interval from `low` to `high`.

    ``y = m + (h - l)/π · atan(π (x - m) / (h - l))`` with ``m = (l + h)/2``: slope one in the
    middle, and a slope that falls only as 1/x². It is 1e-7 at x = 1e4, where that of tanh has
    been an exact zero from x = 60 on: a log-scale that went astray finds its way back.

    Args:
        x: Any shape, any real value.
        low: The lower bound.
        high: The upper bound, above `low`.

    Returns:
        The bounded values, of the shape of `x`.

    Example:
        >>> soft_bound(torch.tensor([-1e4, -1.0, 0.0, 1e4]), -7.0, 5.0)
        tensor([-6.9985, -1.0000, -0.0220,  4.9985])
    """
    slope = math.pi / (high - low)
    middle = (low + high) / 2
    angle = affine(x, slope, -middle * slope).atan()
    return affine(angle, _INSIDE / slope, middle)


def affine(x: Tensor, scale: float, shift: float) -> Tensor:
    """Return ``shift + scale · x`` in one pass over the data, with one more in its gradient."""
    if torch.compiler.is_compiling():  # which makes one pass of it without help
        return shift + scale * x
    return torch.add(constant(shift, x.dtype), x, alpha=scale)


@cache
def constant(value: float, dtype: torch.dtype) -> Tensor:
    """Return a scalar tensor, made once: making one takes as long as adding it."""
    return torch.tensor(value, dtype=dtype)


def inverse_soft_bound(y: float, low: float, high: float) -> float:
    """Return the x with ``soft_bound(x, low, high) == y``.

    Args:
        y: Strictly between `low` and `high`.
        low: The lower bound.
        high: The upper bound.

    Returns:
        The value that `soft_bound` maps to `y`.

    Example:
        >>> round(inverse_soft_bound(-1.0, -7.0, 5.0), 6)
        -1.0
    """
    slope = math.pi / (high - low)
    middle = (low + high) / 2
    return middle + math.tan((y - middle) * slope / _INSIDE) / slope


def started(y: Tensor, low: float, high: float) -> float:
    """Return the x of `inverse_soft_bound` for a scalar y, kept `MARGIN` inside the bounds."""
    return inverse_soft_bound(min(max(y.item(), low + MARGIN), high - MARGIN), low, high)
