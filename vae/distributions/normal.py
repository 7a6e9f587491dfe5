"""The normal distribution in terms of log σ, and what every location-scale family shares."""

__all__ = ["LogScale", "LogScaleNormal", "UnitNormal"]

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.distributions import Distribution, register_kl
from torch.distributions.utils import lazy_property
from torch.types import _size

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class LogScale(Distribution, ABC):
    """A location-scale family given by its location and the logarithm of its scale.

    Args:
        loc: The location, any shape.
        log_scale: Logarithm of the scale, broadcastable with `loc`; kept as it was given, so that
            a scale shared by all dimensions costs nothing per dimension.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        if log_scale.dim() > 0 and log_scale.shape != loc.shape:
            loc = loc.expand(torch.broadcast_shapes(loc.shape, log_scale.shape))
        self.loc = loc
        self.log_scale = log_scale
        Distribution.__init__(self, loc.shape, validate_args=False)

    @staticmethod
    @abstractmethod
    def fitted_log_scale(error: Tensor) -> Tensor:
        """Return the one log-scale, a scalar, under which errors ``x - loc`` are likeliest."""

    @lazy_property
    def scale(self) -> Tensor:
        """The scale, of the shape of the batch."""
        return self.log_scale.exp().expand(self._batch_shape)

    def expand(self, batch_shape: _size, _instance: None = None) -> "LogScale":
        """Return the same distribution with another, broadcast batch shape."""
        return type(self)(self.loc.expand(batch_shape), self.log_scale)


class LogScaleNormal(LogScale, torch.distributions.Normal):
    """The normal distribution given by μ and log σ; no logarithm of an exponential is taken.

    ``log p(x) = -½ ((x - μ)/σ)² - log σ - ½ log 2π``. The KL divergence between two of them is
    registered below; that to a `torch.distributions.Normal` is torch's.

    Args:
        loc: μ, any shape.
        log_scale: log σ, broadcastable with `loc`.

    Example:
        >>> p = LogScaleNormal(torch.zeros(2), torch.zeros(2))
        >>> p.log_prob(torch.tensor([0.0, 1.0]))
        tensor([-0.9189, -1.4189])
    """

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``μ + σ·ε``, ``(*sample_shape, *batch)``."""
        loc, scale = self.loc, self.log_scale.exp()
        shape = (*sample_shape, *self._batch_shape)
        noise = torch.randn(shape, dtype=loc.dtype, device=loc.device)
        if noise.numel() == loc.numel() == scale.numel():
            # Nothing is repeated: a view, unlike a broadcast, has no sum in its gradient.
            return torch.addcmul(loc, noise.view(loc.shape), scale).view(shape)
        return torch.addcmul(loc, noise, scale)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value`, of the broadcast shape of `value` and the batch."""
        z = (value - self.loc) * (-self.log_scale).exp()
        return torch.addcmul(-_HALF_LOG_2PI - self.log_scale, z, z, value=-0.5)

    @staticmethod
    def fitted_log_scale(error: Tensor) -> Tensor:
        """Return ``½ log mean(error²)``, a scalar."""
        return 0.5 * error.square().mean().log()


@register_kl(LogScaleNormal, LogScaleNormal)
def _kl_normal_normal(q: LogScaleNormal, p: LogScaleNormal) -> Tensor:
    # With d = 2 (log σq - log σp), expm1(d) - d stays accurate, and not negative, as q nears p.
    d = 2 * (q.log_scale - p.log_scale)
    z = (q.loc - p.loc) * (-p.log_scale).exp()
    return 0.5 * (torch.expm1(d) - d + z.square())


class UnitNormal(LogScaleNormal):
    """N(0, 1) in every dimension: the prior of most models, with half the arithmetic.

    Args:
        zeros: A tensor of zeros, whose shape, type and device are those of the batch.
    """

    def __init__(self, zeros: Tensor) -> None:
        super().__init__(zeros, zeros)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value`, of the broadcast shape of `value` and the batch."""
        return value.square().mul(-0.5) - _HALF_LOG_2PI

    def expand(self, batch_shape: _size, _instance: None = None) -> "UnitNormal":
        """Return the same distribution with another, broadcast batch shape."""
        return UnitNormal(self.loc.expand(batch_shape))


@register_kl(LogScaleNormal, UnitNormal)
def _kl_normal_unit(q: LogScaleNormal, p: UnitNormal) -> Tensor:
    # ½ (e^2logσ - 1 + μ²) - log σ, not negative either; products of tensors, which numbers slow.
    s = torch.expm1(q.log_scale + q.log_scale) + q.loc * q.loc
    return -torch.sub(q.log_scale, s, alpha=0.5)
