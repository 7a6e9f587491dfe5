"""The normal likelihood of real values."""

__all__ = ["Normal"]

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import constraints

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.scale import Scale
from vae.distributions.likelihoods.stacking import stacked_shape, unstack
from vae.distributions.log_scale_normal import LogScaleNormal


class Normal(Likelihood):
    """Independent normal distributions: ``p(x|z) = Π N(x_d; μ_d, σ²)``, with μ from the net.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        scale: Where σ comes from: `FixedScale`, `LearnedScale`, `PixelwiseScale`, `OptimalScale`.

    Example:
        >>> import torch
        >>> from vae.distributions.likelihoods.scale import FixedScale
        >>> px = Normal((3,), scale=FixedScale(1.0))(torch.zeros(2, 3))
        >>> px.log_prob(torch.zeros(2, 3))
        tensor([-2.7568, -2.7568])
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
        return self.scale.start_around_mean(LogScaleNormal, x)

    def forward(self, params: Tensor) -> Joint:
        """Map ``(*lead, *param_shape)`` to a distribution of batch ``lead``."""
        loc, *raw = unstack(params, 1 + self.scale.num_params, self.event_shape)
        return Joint(self.scale(LogScaleNormal, loc, *raw), len(self.event_shape))
