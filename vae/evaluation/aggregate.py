"""The aggregate posterior of the examples against the prior."""

__all__ = ["AggregatePosterior"]

from functools import cached_property
from math import log

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions import aggregate_log_probs
from vae.evaluation.section import standard_error
from vae.trace import Trace

CHUNK = 1 << 22  # pairs of a point and a posterior's dimension that are held at once


class AggregatePosterior:
    r"""Takes the mean KL apart, exactly for a finite number of examples.

    With :math:`q(z) = \frac1N \sum_n q(z|x_n)` over all the examples added, and points drawn from
    the first of them, the parts are the mutual information of example and latent, at most log N,
    the total correlation and, of a prior that factorises, the sum over dimensions of the
    marginals' KL. Nothing is added after the first figure was asked for.

    Args:
        max_points: How many points are drawn, at least 1; N may be larger.

    References:
        Isolating Sources of Disentanglement in VAEs (Chen et al., 2018), 1802.04942.
    """

    def __init__(self, max_points: int = 1000) -> None:
        self.max_points = max_points
        self.posteriors: list[Distribution] = []
        self.prior: Distribution | None = None
        self.points: list[tuple[Tensor, Tensor, Tensor]] = []
        self.num_points = 0

    @torch.no_grad()
    def update(self, trace: Trace) -> None:
        """Add the first latent variable of a batch."""
        latent = trace.latents[0]
        self.posteriors.append(latent.q)
        self.prior = latent.p
        wanted = self.max_points - self.num_points
        if wanted > 0:
            columns = latent.z[0], latent.log_q[0], latent.log_p[0]
            self.points.append((columns[0][:wanted], columns[1][:wanted], columns[2][:wanted]))
            self.num_points += len(self.points[-1][0])

    def parts(self) -> dict[str, float]:
        """Return the parts of the KL in nats, or nothing where q does not factorise."""
        return {name: term.mean().item() for name, term in self.terms().items()}

    def standard_errors(self) -> dict[str, float]:
        r"""Return the standard error of each part over other examples: that of the points.

        An example counts at the other points too, as a part of q(z), but to first order that does
        not matter: :math:`E_{q(z)}[q(z|x) / q(z)] = 1` whatever x is.
        """
        return {name: standard_error(term) for name, term in self.terms().items()}

    @torch.no_grad()
    def terms(self) -> dict[str, Tensor]:
        """Return for each part, in nats, the terms ``(P,)`` of which it is the mean.

        ``aggregate_kl`` is KL(q(z) ‖ p(z)), what of the KL is no mutual information; of a prior
        that factorises it is the sum of the total correlation and the marginals' KL.
        """
        if self.densities is None:
            return {}
        (_, log_q, log_p), (log_qz, by_dim) = self.drawn, self.densities
        log_product = by_dim.sum(-1)
        terms = {"mutual_information": log_q - log_qz, "total_correlation": log_qz - log_product}
        if isinstance(self.prior, Independent):
            terms["dimension_wise_kl"] = log_product - log_p
        return {**terms, "aggregate_kl": log_qz - log_p}

    @torch.no_grad()
    def marginal_kl(self) -> Tensor | None:
        """Return KL(q(z_j) ‖ p(z_j)) in nats, ``(D,)``; ``None`` if q or p does not factorise."""
        if self.densities is None or not isinstance(self.prior, Independent):
            return None
        log_p = self.prior.base_dist.log_prob(self.drawn[0])
        return (self.densities[1] - log_p).mean(0)

    @property
    def count(self) -> int:
        """Number of examples N."""
        return sum(q.batch_shape[0] for q in self.posteriors)

    @cached_property
    def drawn(self) -> tuple[Tensor, Tensor, Tensor]:
        """The points ``(P, *event)``, their log q(z|x) and log p(z), ``(P,)`` each."""
        z, log_q, log_p = (torch.cat(column) for column in zip(*self.points, strict=True))
        return z, log_q, log_p

    @cached_property
    def densities(self) -> tuple[Tensor, Tensor] | None:
        """Log q(z) ``(P,)`` and log q(z_j) ``(P, D)`` of the points, if q factorises."""
        if not all(isinstance(q, Independent) for q in self.posteriors):
            return None
        z = self.drawn[0]
        rows = [self.log_probs(block) for block in z.split(self.block_size(z))]
        log_qz, by_dim = (torch.cat(column).double() for column in zip(*rows, strict=True))
        return log_qz, by_dim

    def log_probs(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return log q(z) ``(P,)`` and log q(z_j) ``(P, D)`` of points ``(P, *event)``."""
        even = torch.tensor(-log(self.count), device=z.device)
        parts = [aggregate_log_probs(q, z, even) for q in self.posteriors]
        whole, by_dim = (torch.stack(column).logsumexp(0) for column in zip(*parts, strict=True))
        return whole, by_dim

    def block_size(self, z: Tensor) -> int:
        """Return how many points meet the largest batch of posteriors at once."""
        pairs = max(q.batch_shape[0] for q in self.posteriors) * z[0].numel()
        return max(1, CHUNK // pairs)
