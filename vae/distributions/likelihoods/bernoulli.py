"""The Bernoulli likelihood of binary values."""

__all__ = ["Bernoulli", "LogitBernoulli"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.types import _size

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint

EXACT = (torch.float32, torch.float64)  # in which a product of MOST factors is sure to be finite
MOST = 64


class Bernoulli(Likelihood):
    """Independent binary values: ``log p(x|z) = Σ x_d log σ(l_d) + (1 - x_d) log σ(-l_d)``.

    Only logits l are taken: probabilities near 0 and 1 lose their logarithm. Grey values are no
    draws from it; binarise them, or use `ContinuousBernoulli` or a likelihood on a grid.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.

    Example:
        >>> Bernoulli((2,))(torch.zeros(1, 2)).log_prob(torch.ones(1, 2))
        tensor([-1.3863])
    """

    support = constraints.boolean
    levels = 2

    def __init__(self, event_shape: Sequence[int]) -> None:
        super().__init__(event_shape, event_shape)

    def params_of_mean(self, mean: Tensor) -> Tensor:
        """Return the logits of a mean of the data, kept 0.001 from 0 and 1, ``event_shape``."""
        return mean.clamp(1e-3, 1 - 1e-3).logit()

    def forward(self, params: Tensor) -> Joint:
        """Map logits ``(*lead, *event_shape)`` to a distribution of batch ``lead``."""
        return LogitBernoulli(params, len(self.event_shape))


class LogitBernoulli(Joint):
    """torch's independent Bernoulli values, whose log-density takes two thirds of the time.

    Args:
        logits: Log-odds l of a one, ``(*batch, *event)``.
        event_dims: How many dimensions the event has.
    """

    base_dist: torch.distributions.Bernoulli

    def __init__(self, logits: Tensor, event_dims: int) -> None:
        super().__init__(_OfLogits(logits), event_dims)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogitBernoulli":
        """Return the same distribution with another, broadcast batch shape."""
        logits = self.base_dist.logits.expand(*batch_shape, *self.event_shape)
        return LogitBernoulli(logits, len(self.event_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ``Σ log σ(l) - (1 - x) l``, of the broadcast batch shape of `value` and l."""
        if not torch.is_grad_enabled() and self.base_dist.logits.dtype in EXACT:
            return log_mass(self.base_dist.logits, value, self.reinterpreted_batch_ndims)
        logits = self.base_dist.logits
        if value.shape != logits.shape[-value.dim() :]:
            logits = logits.expand(torch.broadcast_shapes(logits.shape, value.shape))
        if value.shape != logits.shape:
            value = value.expand(logits.shape)
        loss = binary_cross_entropy_with_logits(logits, value, reduction="none")
        # The sign changes after the sum: one pass less over the data, and one in the gradient.
        return -loss.sum(tuple(range(-self.reinterpreted_batch_ndims, 0)))


def log_mass(logits: Tensor, value: Tensor, event_dims: int) -> Tensor:
    """Return ``Σ (x - ½) l - ½|l| - log(1 + e^-|l|)``, two thirds of the time of a cross entropy.

    The product of some factors 1 + e^-|l|, each at most 2, takes one logarithm for all of them.
    """
    size = logits.abs()
    factors = size.neg().exp_().add_(1).flatten(-event_dims)
    together = next(n for n in range(MOST, 0, -1) if factors.shape[-1] % n == 0)
    logs = factors.unflatten(-1, (-1, together)).prod(-1).log_().sum(-1)
    linear = (value - 0.5).mul(logits).sub_(size, alpha=0.5)
    return linear.flatten(-event_dims).sum(-1) - logs


class _OfLogits(torch.distributions.Bernoulli):
    def __init__(self, logits: Tensor) -> None:
        # Without the detour of torch's constructor, which broadcasts the logits with nothing.
        self.logits = self._param = logits
        Distribution.__init__(self, logits.shape, validate_args=False)
