"""The continuous Bernoulli likelihood of values in [0, 1]."""

__all__ = ["ContinuousBernoulli", "LogitContinuousBernoulli"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint

_NEAR_ZERO = 0.3  # below, Taylor: wrong by 1e-11; above, differences of 1/l lose a digit at most


class LogitContinuousBernoulli(Distribution):
    """The density ``p(x) = exp(l x) · l / (exp(l) - 1)`` on [0, 1], for any real logit l.

    ``log p(x) = l (x - ½) - log(sinh(l/2) / (l/2))``, by its Taylor series near l = 0. Torch's own
    works with clamped probabilities and is no normalised density for logits beyond ±16 in single
    precision.

    Args:
        logits: l, any shape.

    References:
        The continuous Bernoulli: fixing a pervasive error in variational autoencoders
        (Loaiza-Ganem, Cunningham, 2019), arXiv:1907.06845

    Example:
        >>> LogitContinuousBernoulli(torch.ones(1)).log_prob(torch.tensor([0.5]))
        tensor([-0.0413])
    """

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012, as torch declares it
    support = constraints.unit_interval

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogitContinuousBernoulli":
        """Return the same distribution with another, broadcast batch shape."""
        return LogitContinuousBernoulli(self.logits.expand(batch_shape))

    @property
    def mean(self) -> Tensor:
        """``1 / (1 - exp(-l)) - 1/l``, the derivative of the log-normaliser."""
        far, square = self._far, self.logits.square()
        taylor = 0.5 + self.logits * (1 / 12 + square * (-1 / 720 + square / 30240))
        upper = -1 / torch.expm1(-far) - 1 / far
        exact = torch.where(self.logits < 0, 1 - upper, upper)
        return torch.where(self.logits.abs() < _NEAR_ZERO, taylor, exact)

    @property
    def mode(self) -> Tensor:
        """The end of [0, 1] where the density is higher."""
        return (self.logits > 0).to(self.logits.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value` in [0, 1]."""
        return self.logits * (value - 0.5) - self._log_normaliser()

    @torch.no_grad()
    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw by the inverse of the distribution function, for l < 0, and reflect for l > 0."""
        u = torch.rand(
            self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device
        )
        size = self.logits.abs().clamp(min=1e-6)
        x = (torch.log1p(u * torch.expm1(-size)) / -size).clamp(max=1)
        return torch.where(self.logits > 0, 1 - x, x)

    @property
    def _far(self) -> Tensor:
        # |l|, kept away from zero: torch.where hands on NaN gradients of the branch not taken.
        return self.logits.abs().clamp(min=_NEAR_ZERO)

    def _log_normaliser(self) -> Tensor:
        far, square = self._far, self.logits.square()
        taylor = square * (1 / 24 + square * (-1 / 2880 + square / 181440))
        exact = 0.5 * far + torch.log(-torch.expm1(-far) / far)
        return torch.where(self.logits.abs() < _NEAR_ZERO, taylor, exact)


class ContinuousBernoulli(Likelihood):
    """Independent continuous Bernoulli distributions on [0, 1], with logits from the net.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.

    Example:
        >>> ContinuousBernoulli((2,))(torch.ones(1, 2)).log_prob(torch.ones(1, 2))
        tensor([0.9174])
    """

    support = constraints.unit_interval

    def __init__(self, event_shape: Sequence[int]) -> None:
        super().__init__(event_shape, event_shape)

    def forward(self, params: Tensor) -> Joint:
        """Map logits ``(*lead, *event_shape)`` to a distribution of batch ``lead``."""
        return Joint(LogitContinuousBernoulli(params), len(self.event_shape))
