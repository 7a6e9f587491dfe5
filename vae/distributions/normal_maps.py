"""Normal distributions over maps, in their own terms or relative to another."""

__all__ = ["NormalMaps", "normal_maps", "relative_maps"]

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

from vae.distributions.head import Head
from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, LogScaleNormal, soft_bound

RELATIVE_BOUNDS = (-5.0, 5.0)  # around 0, which stays what it is


def normal_maps(params: Tensor, dims: int) -> Distribution:
    r"""Return the normal distribution over maps ``(C, *size)`` with independent values.

    Args:
        params: μ and, in as many channels more, log σ, ``(*lead, 2C, *size)``; log σ is softly
            bounded to [−7, 5].
        dims: Of one map, 3 of ``(C, H, W)``.

    Example:
        >>> import torch
        >>> normal_maps(torch.zeros(5, 4, 8, 8), 3).event_shape
        torch.Size([2, 8, 8])
    """
    loc, log_scale = params.chunk(2, -dims)
    return Joint(LogScaleNormal(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS)), dims)


def relative_maps(params: Tensor, p: Distribution) -> Distribution:
    r"""Return :math:`N(μ_p + Δμ, σ_p Δσ)`.

    Args:
        params: Δμ and log Δσ, as of `normal_maps`; log Δσ is softly bounded to [−5, 5]. At zeros
            it is p, so that a KL grows from zero on.
        p: What `normal_maps` returned for parameters of such a shape.

    References:
        NVAE: A Deep Hierarchical Variational Autoencoder (Vahdat, Kautz, 2020), 2007.03898.
    """
    assert isinstance(p, Independent)
    dims, base = p.reinterpreted_batch_ndims, p.base_dist
    loc, log_scale = params.chunk(2, -dims)
    change = soft_bound(log_scale, *RELATIVE_BOUNDS)
    return Joint(LogScaleNormal(base.loc + loc, base.log_scale + change), dims)


class NormalMaps(Head):
    """The head of `normal_maps`.

    Args:
        event_shape: Of the maps, ``(C, H, W)`` or ``(C, L)``.
    """

    support = constraints.real_vector

    def __init__(self, event_shape: Sequence[int]) -> None:
        channels, *size = event_shape
        super().__init__(event_shape, (2 * channels, *size))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2C, *size)`` to a distribution over ``(C, *size)``."""
        return normal_maps(params, len(self.event_shape))
