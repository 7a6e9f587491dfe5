"""The binary concrete distribution, a continuous relaxation of the Bernoulli distribution."""

__all__ = ["BinaryConcrete", "LogitBinaryConcrete"]

from math import log
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid
from torch.types import _size


class LogitBinaryConcrete(Distribution):
    r"""The density of the logit of a `BinaryConcrete` draw, at which it is exact.

    With ε standard logistic, :math:`y = (\mathrm{logit}\,π + ε) / τ`, so that with
    :math:`t = \mathrm{logit}\,π - τ y`, :math:`p(y) = τ\,σ(t)\,σ(-t)`.

    At a low temperature most draws are so near to 0 or 1 that no floating-point number tells them
    from these, and their logits are not. A ratio of two densities is the same in both spaces.

    Args:
        temperature: τ > 0.
        logits: logit π, any shape.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712, appendix C.3.2.

    Example:
        >>> q = LogitBinaryConcrete(0.01, torch.zeros(3))
        >>> q.log_prob(q.rsample((2,))).shape
        torch.Size([2, 3])
    """

    has_rsample = True
    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  (torch's own interface)
    support = constraints.real

    def __init__(self, temperature: float, logits: Tensor) -> None:
        self.temperature = temperature
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "LogitBinaryConcrete":
        """Return the same distribution with another, broadcast batch shape."""
        return LogitBinaryConcrete(self.temperature, self.logits.expand(batch_shape))

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch)``."""
        # A difference of two Gumbel variables: no uniform number is rounded to 1.
        shape = self._extended_shape(Size(sample_shape))
        noise = self.logits.new_empty((2, *shape)).exponential_()
        first, second = noise.clamp_min(torch.finfo(noise.dtype).tiny).log()
        return (self.logits + first - second) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of logits, ``(*, *batch)``."""
        t = self.logits - self.temperature * value
        return log(self.temperature) + logsigmoid(t) + logsigmoid(-t)


class BinaryConcrete(Distribution):
    r"""A density on (0, 1) that tends to a Bernoulli distribution as the temperature falls.

    With ε standard logistic, :math:`z = σ((\mathrm{logit}\,π + ε) / τ)`.

    Args:
        temperature: τ > 0.
        logits: logit π, any shape.

    Attributes:
        logarithm: The density of logit z. That of z has no value where a floating-point number
            cannot tell it from 0 or 1.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.

    Example:
        >>> BinaryConcrete(0.5, torch.zeros(3)).rsample((2,)).shape
        torch.Size([2, 3])
    """

    has_rsample = True
    arg_constraints = {"logits": constraints.real}  # noqa: RUF012  (torch's own interface)
    support = constraints.unit_interval

    def __init__(self, temperature: float, logits: Tensor) -> None:
        self.temperature = temperature
        self.logits = logits
        self.logarithm = LogitBinaryConcrete(temperature, logits)
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "BinaryConcrete":
        """Return the same distribution with another, broadcast batch shape."""
        return BinaryConcrete(self.temperature, self.logits.expand(batch_shape))

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch)``."""
        return self.logarithm.rsample(sample_shape).sigmoid()

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of points inside (0, 1), ``(*, *batch)``; NaN at its ends."""
        log_z, log_rest = value.log(), torch.log1p(-value)
        return self.logarithm.log_prob(log_z - log_rest) - log_z - log_rest
