"""Independent dimensions taken together as one event, and the divergence of two such events."""

__all__ = ["Joint", "dimension_of", "joint_kl", "kl_divergence"]

from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, register_kl
from torch.distributions.kl import _KL_REGISTRY
from torch.types import _size


def kl_divergence(q: Distribution, p: Distribution) -> Tensor:
    """Return KL(q ‖ p) by the rule that is registered for the two kinds, of their batch shape.

    It is `torch.distributions.kl_divergence`, whose search for a rule ends a compiled graph at the
    first use of a pair of kinds: there the same search is made in steps that can be compiled.

    Raises:
        NotImplementedError: If no rule is registered.
    """
    if not torch.compiler.is_compiling():
        return torch.distributions.kl_divergence(q, p)
    for kinds in product(type(q).__mro__, type(p).__mro__):
        if kinds == (Independent, Independent):  # torch's own rule would search again
            return joint_kl(q, p)  # type: ignore[arg-type]
        if kinds in _KL_REGISTRY:
            kl: Tensor = _KL_REGISTRY[kinds](q, p)
            return kl
    raise NotImplementedError


def joint_kl(q: Independent, p: Independent) -> Tensor:
    """Return KL(q ‖ p) as the sum over the dimensions that are taken together.

    Raises:
        NotImplementedError: If these are not the same, or no rule is registered for one dimension.
    """
    dims = q.reinterpreted_batch_ndims
    if dims != p.reinterpreted_batch_ndims:
        raise NotImplementedError
    kl = kl_divergence(q.base_dist, p.base_dist)
    return kl.sum(tuple(range(-dims, 0))) if dims else kl


class Joint(Independent):
    """torch's `Independent` without the detours of its constructor, which small nets feel.

    Args:
        base: Any distribution.
        event_dims: How many of its last batch dimensions become dimensions of the event.
    """

    def __init__(self, base: Distribution, event_dims: int) -> None:
        self.base_dist = base
        self.reinterpreted_batch_ndims = event_dims
        shape, split = base._batch_shape, len(base._batch_shape) - event_dims
        event_shape = shape[split:] + base._event_shape
        Distribution.__init__(self, shape[:split], event_shape, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> "Joint":
        """Return the same distribution with another, broadcast batch shape."""
        dims = self.reinterpreted_batch_ndims
        return Joint(self.base_dist.expand((*batch_shape, *self._event_shape[:dims])), dims)


def dimension_of(q: Distribution) -> Distribution:
    """Return the distribution of one dimension, whatever is taken together around it."""
    while isinstance(q, Independent):
        q = q.base_dist
    return q


register_kl(Joint, Joint)(joint_kl)
