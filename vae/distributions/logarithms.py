"""Relaxed categories by their logarithms: where their densities are evaluated."""

__all__ = ["in_logarithms", "points"]

from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions.gumbel_softmax import GumbelSoftmax, LogGumbelSoftmax
from vae.distributions.joint import Joint
from vae.distributions.mixture import UniformMixture


def in_logarithms(q: Distribution) -> Distribution:
    """Return the distribution of log z if z is a relaxed category, else ``q`` itself."""
    if isinstance(q, Independent):
        base = in_logarithms(q.base_dist)
        return q if base is q.base_dist else Joint(base, q.reinterpreted_batch_ndims)
    if isinstance(q, UniformMixture):
        parts = in_logarithms(q.components)
        return q if parts is q.components else UniformMixture(parts)
    return q.logarithm if isinstance(q, GumbelSoftmax) else q


def points(q: Distribution, z: Tensor) -> Tensor:
    """Return what nets read of draws: z itself, and the exponential where z is a logarithm."""
    while isinstance(q, (Independent, UniformMixture)):
        q = q.base_dist if isinstance(q, Independent) else q.components
    return z.exp() if isinstance(q, LogGumbelSoftmax) else z
