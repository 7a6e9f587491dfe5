"""The normal distribution in terms of log σ, which is kept in bounds, and as a posterior."""

__all__ = [
    "LOG_SCALE_BOUNDS",
    "ConstantNormalPosterior",
    "LogScale",
    "LogScaleNormal",
    "NormalPosterior",
    "UnitNormal",
    "diagonal_normal",
    "inverse_soft_bound",
    "soft_bound",
    "started",
    "started_at",
]

import math
from abc import ABC, abstractmethod
from functools import cache

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints, register_kl
from torch.distributions.utils import lazy_property
from torch.types import _size

from vae.distributions.head import Head, check_latent_dim
from vae.distributions.joint import Joint

# σ from 9e-4 to 148. Above 5, exp(2 log σ) = σ² overflows in half precision (at 5.5); below -7,
# 1/σ² exceeds a million and one badly predicted value rules the gradient of a whole batch.
LOG_SCALE_BOUNDS = (-7.0, 5.0)

MARGIN = 0.5  # a start nearer to a bound would lie where the slope is too small to learn
_INSIDE = 1 - 1e-6  # keeps the rounded result within the bounds
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

    def entropy(self) -> Tensor:
        """Return ``½ + ½ log 2π + log σ``, of the shape of the batch."""
        return (0.5 + _HALF_LOG_2PI + self.log_scale).expand(self._batch_shape)

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


class NormalPosterior(Head):
    r"""The diagonal Gaussian :math:`q(z|x) = N(z; μ(x), \mathrm{diag}\,σ²(x))`.

    The net gives μ and log σ; log σ is softly bounded to [−7, 5].

    Args:
        latent_dim: Number of latent variables D, at least 1.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int) -> None:
        check_latent_dim(latent_dim)
        super().__init__((latent_dim,), (2 * latent_dim,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D)`` to a distribution over ``(D,)``."""
        loc, log_scale = params.chunk(2, -1)
        return diagonal_normal(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS))


class ConstantNormalPosterior(Head):
    r"""The Gaussian of one width for all examples, :math:`q(z|x) = N(z; μ(x), σ² I)`.

    As σ falls it becomes the deterministic encoder of an autoencoder, whose KL is infinite: give
    the KL no weight then.

    Args:
        latent_dim: Number of latent variables D, at least 1.
        scale: σ, above 0.

    References:
        From Variational to Deterministic Autoencoders (Ghosh et al., 2020), 1903.12436.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int, *, scale: float = 1e-4) -> None:
        check_latent_dim(latent_dim)
        if not 0 < scale < float("inf"):
            raise ValueError(f"scale must be a finite number above 0; got {scale}")
        super().__init__((latent_dim,), (latent_dim,))
        self.log_scale = math.log(scale)

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D)`` to a distribution over ``(D,)``."""
        return diagonal_normal(params, torch.full_like(params, self.log_scale))


def diagonal_normal(loc: Tensor, log_scale: Tensor) -> Distribution:
    """Return the Gaussian with independent dimensions along the last axis."""
    return Joint(LogScaleNormal(loc, log_scale), 1)


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


def started_at(y: Tensor, low: float, high: float) -> Tensor:
    """Return `started` of each value."""
    values = [started(value, low, high) for value in y.flatten()]
    return torch.tensor(values, dtype=torch.float64).view(y.shape).to(y)
