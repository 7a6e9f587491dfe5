"""What two normal distributions of one variable say together."""

__all__ = ["precision_weighted"]

import torch
from torch.distributions import Distribution, Independent

from vae.distributions.log_scale_normal import LogScaleNormal, diagonal_normal


def precision_weighted(a: Distribution, b: Distribution) -> Distribution:
    r"""Return the normal distribution whose density is proportional to the product of two.

    .. math::
        σ^{-2} = σ_a^{-2} + σ_b^{-2}, \qquad μ = σ^2 (μ_a σ_a^{-2} + μ_b σ_b^{-2})

    Args:
        a: Diagonal normal over ``(D,)``, of any batch shape.
        b: The same, of a batch shape that broadcasts with it.

    Raises:
        ValueError: If one is no diagonal normal distribution.

    References:
        Ladder Variational Autoencoders (Sønderby et al., 2016), 1602.02282.

    Example:
        >>> one, three = (diagonal_normal(torch.tensor([m]), torch.zeros(1)) for m in (1.0, 3.0))
        >>> both = precision_weighted(one, three)
        >>> both.mean, both.variance
        (tensor([2.]), tensor([0.5000]))
    """
    one, two = normal_of(a), normal_of(b)
    log_scale = -0.5 * torch.logaddexp(-2 * one.log_scale, -2 * two.log_scale)
    share = (2 * (two.log_scale - one.log_scale)).sigmoid()  # σ² / σ_a²
    return diagonal_normal(torch.lerp(*torch.broadcast_tensors(two.loc, one.loc, share)), log_scale)


def normal_of(q: Distribution) -> LogScaleNormal:
    """Return the normal distribution of each dimension."""
    base = q.base_dist if isinstance(q, Independent) else q
    if not isinstance(base, LogScaleNormal):
        raise ValueError(f"normal distributions of independent dimensions are needed; got {q}")
    return base
