"""The Kullback-Leibler divergence in closed form, also inside a compiled graph."""

__all__ = ["joint_kl", "kl_divergence"]

from itertools import product

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent
from torch.distributions.kl import _KL_REGISTRY


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
