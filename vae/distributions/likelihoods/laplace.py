"""The Laplace likelihood of real values: heavier tails than the normal, medians for means."""

__all__ = ["Laplace", "LogScaleLaplace"]

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import constraints

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.scale import Scale
from vae.distributions.likelihoods.stacking import stacked_shape, unstack
from vae.distributions.log_scale_normal import LogScale


class LogScaleLaplace(LogScale, torch.distributions.Laplace):
    """The Laplace distribution given by μ and log b: ``log p(x) = -|x - μ|/b - log b - log 2``.

    Args:
        loc: μ, any shape.
        log_scale: log b, broadcastable with `loc`.

    Example:
        >>> LogScaleLaplace(torch.zeros(1), torch.zeros(1)).log_prob(torch.ones(1))
        tensor([-1.6931])
    """

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of `value`, of the broadcast shape of `value` and the batch."""
        error = (value - self.loc).abs() * (-self.log_scale).exp()
        return (-math.log(2) - self.log_scale) - error

    @staticmethod
    def fitted_log_scale(error: Tensor) -> Tensor:
        """Return ``log mean |error|``, a scalar."""
        return error.abs().mean().log()


class Laplace(Likelihood):
    """Independent Laplace distributions: ``p(x|z) = Π Laplace(x_d; μ_d, b)``, with μ from the net.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        scale: Where b comes from: `FixedScale`, `LearnedScale`, `PixelwiseScale`, `OptimalScale`.

    Example:
        >>> from vae.distributions.likelihoods.scale import FixedScale
        >>> px = Laplace((3,), scale=FixedScale(1.0))(torch.zeros(2, 3))
        >>> px.log_prob(torch.zeros(2, 3))
        tensor([-2.0794, -2.0794])
    """

    support = constraints.real

    def __init__(self, event_shape: Sequence[int], *, scale: Scale) -> None:
        super().__init__(event_shape, stacked_shape(event_shape, 1 + scale.num_params))
        self.scale = scale

    @property
    def starts_at_examples(self) -> bool:
        """Whether the scale is learned, and its start was not chosen."""
        return self.scale.starts_at_examples

    def start_at(self, x: Tensor) -> Tensor | None:
        """Start a learned scale at the likeliest one of examples around their mean."""
        return self.scale.start_around_mean(LogScaleLaplace, x)

    def forward(self, params: Tensor) -> Joint:
        """Map ``(*lead, *param_shape)`` to a distribution of batch ``lead``."""
        loc, *raw = unstack(params, 1 + self.scale.num_params, self.event_shape)
        return Joint(self.scale(LogScaleLaplace, loc, *raw), len(self.event_shape))
