"""Densities of values of which some are not known."""

__all__ = ["masked_log_prob"]

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.trace_table import blank, kind


def masked_log_prob(name: str, px: Distribution, x: Tensor, mask: Tensor) -> Tensor:
    """Return the log-density of the values that are known, ``(K, B)``.

    Args:
        name: Of the variable, for messages.
        px: Of independent values, or of independent parts, such as steps, each known as a whole.
        x: ``(B, *event)``; what is not known may be anything.
        mask: What is known, bool, of the dimensions of x, 1 where it is the same for all: over the
            event of a part it must be 1.

    Raises:
        ValueError: If p(x|z) does not factorise over what the mask tells apart.
    """
    own = len(px.base_dist.event_shape) if isinstance(px, Independent) else 0
    trailing = mask.shape[mask.dim() - own :].numel()
    if not isinstance(px, Independent) or trailing != 1:
        raise ValueError(
            f"{name} has a mask, but p(x|z) is {kind(px)}, which does not factorise over its "
            "values: use a weight per example"
        )
    each = px.base_dist.log_prob(torch.where(mask, x, blank(px)))
    counts = mask.reshape(mask.shape[: mask.dim() - own])
    dims = tuple(range(-px.reinterpreted_batch_ndims, 0))
    return torch.where(counts, each, 0.0).sum(dims)
