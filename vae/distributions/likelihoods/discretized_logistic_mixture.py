"""A mixture of discretised logistic masses for each dimension."""

__all__ = ["DiscretizedLogisticMixture"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, constraints

from vae.distributions.head import Likelihood
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.discretized_logistic import (
    LogisticBins,
    bounded_log_scale,
    started_log_scale,
)
from vae.distributions.likelihoods.grid import checked_levels
from vae.distributions.likelihoods.stacking import stacked_shape


class DiscretizedLogisticMixture(Likelihood):
    """Independent mixtures, ``p(x_d|z) = Σ_m π_m P(x_d; μ_m, s_m)`` of `LogisticBins`.

    Departures from PixelCNN++: the channels of a pixel are independent given z, where the paper
    lets the blue of a pixel depend on its green and red; and the components start evenly spread
    over [0, 1], so that they are not all alike under a net whose first outputs are near zero.

    Args:
        event_shape: Shape of one event, ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
        levels: How many equally spaced values in [0, 1] the data takes, ≥ 2; 256 for bytes.
        num_components: How many logistic distributions are mixed, ≥ 1.

    Raises:
        ValueError: If `levels` is not an integer of at least 2, or there is no component.

    References:
        PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other
        Modifications (Salimans, Karpathy, Chen, Kingma, 2017), arXiv:1701.05517

    Example:
        >>> likelihood = DiscretizedLogisticMixture((3, 8, 8), levels=256, num_components=5)
        >>> likelihood.param_shape
        (45, 8, 8)
    """

    support = constraints.unit_interval
    levels: int
    centres: Tensor

    def __init__(
        self, event_shape: Sequence[int], *, levels: int, num_components: int = 10
    ) -> None:
        if num_components < 1:
            raise ValueError(
                f"DiscretizedLogisticMixture needs num_components >= 1; got {num_components}. "
                f"Use likelihood=discretized_logistic for a single one."
            )
        super().__init__(event_shape, stacked_shape(event_shape, 3 * num_components))
        self.levels = checked_levels(levels)
        centres = (torch.arange(num_components) + 0.5) / num_components
        self.register_buffer("centres", centres, persistent=False)

    starts_at_examples = True

    def start_at(self, x: Tensor) -> Tensor:
        """Return raw parameters of equal components at their centres, as wide as the examples."""
        start = x.new_zeros(3, len(self.centres) * x.shape[1], *x.shape[2:])
        start[2] = started_log_scale(x, self.levels)
        return start.flatten(0, 1)

    def forward(self, params: Tensor) -> Joint:
        """Map ``(*lead, *param_shape)`` to a distribution of batch ``lead``."""
        ndim = len(self.event_shape)
        # (*lead, 3, *event, M): torch's mixtures have their components on the last axis.
        params = params.unflatten(-ndim, (3, len(self.centres), -1)).movedim(-ndim - 1, -1)
        logits, loc, raw = params.unbind(-ndim - 2)
        log_scale = bounded_log_scale(raw, self.levels)
        mixture = MixtureSameFamily(
            Categorical(logits=logits, validate_args=False),
            LogisticBins(loc + self.centres, log_scale, levels=self.levels),
            validate_args=False,
        )
        return Joint(mixture, len(self.event_shape))
