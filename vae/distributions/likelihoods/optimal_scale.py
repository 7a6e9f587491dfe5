"""The scale of σ-VAE: the one under which the batch at hand is likeliest."""

__all__ = ["OptimalScale", "OptimallyScaled"]

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.types import _size

from vae.distributions.likelihoods.scale import Scale
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, LogScale


class OptimalScale(Scale):
    """One σ for all dimensions, in training the best one for each batch, in closed form.

    ``σ*² = mean (x - μ)²`` over samples, examples and dimensions of the batch for a normal,
    ``σ* = mean |x - μ|`` for a Laplace. In training mode, `log_prob` of x uses σ* of this x and
    holds it constant in the gradient: at the maximum over σ the derivative is zero, so that the
    gradient of the batch's mean log-likelihood is the same as through σ*. A log-likelihood that
    chooses its σ after having seen x is not a normalised density; therefore training also keeps
    a running mean of σ*², and evaluation mode, and every draw, uses that one number, as
    `FixedScale` would. It is 1 before the first training batch.

    Args:
        momentum: Weight of the newest batch in the running mean of σ*², in (0, 1]; the first
            ``1/momentum`` batches weigh equally.

    Raises:
        ValueError: If `momentum` lies outside (0, 1].

    References:
        Simple and Effective VAE Training with Calibrated Decoders (Rybkin, Daniilidis, Levine,
        2021), arXiv:2006.13202
    """

    variance: Tensor
    num_batches: Tensor

    def __init__(self, momentum: float = 0.01) -> None:
        super().__init__()
        if not 0 < momentum <= 1:
            raise ValueError(
                f"OptimalScale needs a momentum in (0, 1]; got {momentum}. Try momentum=0.01."
            )
        self.momentum = momentum
        self.register_buffer("variance", torch.ones(()))
        self.register_buffer("num_batches", torch.zeros(()))

    def forward(self, family: type[LogScale], loc: Tensor, *raw: Tensor) -> Distribution:
        """Return the member of `family` at `loc`: with σ* of x in training, else the running σ."""
        base = family(loc, (0.5 * self.variance.log()).to(loc.dtype))
        return OptimallyScaled(base, self) if self.training else base

    @torch.no_grad()
    def fit(self, base: LogScale, x: Tensor) -> Tensor:
        """Return log σ*, a scalar without gradient, and take it into the running mean."""
        log_scale = base.fitted_log_scale(x - base.loc).clamp(min=LOG_SCALE_BOUNDS[0])
        variance = (2 * log_scale).exp().to(self.variance.dtype)
        self.num_batches += 1
        weight = (1 / self.num_batches).clamp(min=self.momentum)
        # A batch with NaN leaves the running mean alone: such a step is skipped, not mourned.
        self.variance.lerp_(torch.where(variance.isfinite(), variance, self.variance), weight)
        return log_scale


class OptimallyScaled(Distribution):
    """A location-scale distribution whose `log_prob` takes the scale that suits its x best.

    Args:
        base: The distribution to draw from, with the running scale.
        scale: Fits, and keeps record of, the scale.
    """

    arg_constraints = {}  # noqa: RUF012, as torch declares it
    support = constraints.real

    def __init__(self, base: LogScale, scale: OptimalScale) -> None:
        self.base = base
        self.scale = scale
        super().__init__(base.batch_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "OptimallyScaled":
        """Return the same distribution with another, broadcast batch shape."""
        return OptimallyScaled(self.base.expand(batch_shape), self.scale)

    @property
    def mean(self) -> Tensor:
        """The location."""
        return self.base.loc

    @property
    def mode(self) -> Tensor:
        """The location."""
        return self.base.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value` under σ*, the best scale for all of `value`."""
        log_scale = self.scale.fit(self.base, value)
        return type(self.base)(self.base.loc, log_scale).log_prob(value)

    def sample(self, sample_shape: _size = torch.Size()) -> Tensor:  # noqa: B008
        """Draw with the running scale."""
        return self.base.sample(sample_shape)
