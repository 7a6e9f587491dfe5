"""The aggregate posterior q(z) = Σ_n w_n q(z|x_n) of a finite number of examples."""

__all__ = ["aggregate_log_probs"]

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent


def aggregate_log_probs(q: Distribution, z: Tensor, log_w: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return log-densities of points under a weighted aggregate posterior, whole and by dimension.

    Args:
        q: Posteriors of N examples that factorise over the D dimensions of an event of any shape,
            batch shape ``(N,)``.
        z: Points, ``(*lead, *event)``.
        log_w: Logarithms of the weights, broadcastable to ``(*lead, N)``.

    Returns:
        :math:`\log \sum_n w_n q(z|x_n)`, ``(*lead)``, and
        :math:`\log \sum_n w_n q(z_j|x_n)` for each dimension j, ``(*lead, D)``.

    Raises:
        ValueError: If q does not factorise.
    """
    if not isinstance(q, Independent):
        raise ValueError(
            f"the aggregate posterior by dimension needs a factorised q(z|x); got "
            f"{type(q).__name__}. Use posterior=normal, or a penalty of samples: mmd, factor."
        )
    pairs = q.base_dist.log_prob(z.unsqueeze(-len(q.event_shape) - 1))
    pairs = pairs.flatten(pairs.dim() - q.reinterpreted_batch_ndims)  # (*lead, N, D)
    whole = torch.logsumexp(pairs.sum(-1) + log_w, -1)
    return whole, torch.logsumexp(pairs + log_w.unsqueeze(-1), -2)
