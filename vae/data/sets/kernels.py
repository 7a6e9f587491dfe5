"""Covariances of Gaussian processes in one dimension."""

__all__ = ["RBF", "Covariance", "Matern", "Periodic"]

from abc import ABC, abstractmethod
from math import inf, isfinite, pi, sqrt
from typing import final

import torch
from torch import Tensor


class Covariance(ABC):
    """A covariance of variance 1 that depends on the distance of two positions."""

    @abstractmethod
    def __call__(self, distance: Tensor, length_scale: Tensor) -> Tensor:
        """Return covariances of any shape.

        Args:
            distance: |s − t|, ≥ 0.
            length_scale: ℓ, above 0, broadcastable.
        """

    def covariance(self, at: Tensor, length_scale: Tensor) -> Tensor:
        """Return those of positions ``(B, M)``, ``(B, M, M)``, for length scales ``(B,)``."""
        return self((at.unsqueeze(2) - at.unsqueeze(1)).abs(), length_scale.view(-1, 1, 1))


@final
class RBF(Covariance):
    """The Gaussian kernel exp(−d²/2ℓ²), of smooth curves."""

    def __call__(self, distance: Tensor, length_scale: Tensor) -> Tensor:
        """Return covariances."""
        return (-0.5 * (distance / length_scale).square()).exp()


@final
class Matern(Covariance):
    """The Matérn kernel of ν = 5/2, (1 + s + s²/3) exp(−s), s = √5 d/ℓ: twice differentiable."""

    def __call__(self, distance: Tensor, length_scale: Tensor) -> Tensor:
        """Return covariances."""
        s = sqrt(5) * distance / length_scale
        return (1 + s + s.square() / 3) * torch.exp(-s)


@final
class Periodic(Covariance):
    """The kernel exp(−2 sin²(πd/p)/ℓ²), of curves that repeat.

    Args:
        period: p, above 0, in units of the positions.

    Raises:
        ValueError: If it is not.
    """

    def __init__(self, period: float = 1.0) -> None:
        if not (0 < period < inf and isfinite(period)):
            raise ValueError(f"period must be above 0 and finite; got {period}")
        self.period = period

    def __call__(self, distance: Tensor, length_scale: Tensor) -> Tensor:
        """Return covariances."""
        return (-2 * ((pi * distance / self.period).sin() / length_scale).square()).exp()
