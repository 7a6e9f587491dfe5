"""The aggregate posterior of the examples against the prior."""

__all__ = ["AggregatePosterior", "has_aggregate", "left_out"]

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import log

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions import aggregate_log_probs
from vae.evaluation.measures.latent_statistics import present
from vae.evaluation.section import standard_error
from vae.trace import Latent, Trace

CHUNK = 1 << 18  # pairs of a point and a posterior's dimension at once: few enough for the cache


class AggregatePosterior:
    r"""Takes the mean KL apart, exactly for a finite number of examples.

    With :math:`q(z) = \frac1N \sum_n q(z|x_n)` over all the examples added, and points drawn from
    the first of them, the parts are the mutual information of example and latent, at most log N,
    the total correlation and, of a prior that factorises, the sum over dimensions of the
    marginals' KL. Nothing is added after the first figure was asked for. Where the prior is given
    something of each example, there are no parts that take it for one distribution.

    Once all points are drawn, a batch of posteriors is met with them and forgotten: what is held
    does not grow with N.

    Args:
        max_points: How many points are drawn, at least 1; N may be larger.
        name: Of the latent variable, of any event shape; ``None`` means the first.

    References:
        Isolating Sources of Disentanglement in VAEs (Chen et al., 2018), 1802.04942.
    """

    def __init__(self, max_points: int = 1000, name: str | None = None) -> None:
        self.max_points = max_points
        self.name = name
        self.waiting: list[tuple[Distribution, Tensor | None]] = []
        self.factorised = True
        self.count = 0  # of examples, N
        self.sums: tuple[Tensor, Tensor] | None = None
        self.prior: Distribution | None = None
        self.points: list[tuple[Tensor, Tensor, Tensor]] = []
        self.num_points = 0

    @torch.no_grad()
    def update(self, trace: Trace) -> None:
        """Add a batch; examples of which the latent variable has the weight 0 do not count.

        Raises:
            ValueError: If q(z|x) is given earlier draws, or examples share the variable.
        """
        latent = trace.latents[0] if self.name is None else trace[self.name]
        if not has_aggregate([latent]):
            raise ValueError(left_out([latent.name]))
        mask = present(latent)
        here = None if mask is None else mask.any(0)
        if mask is not None:
            latent = replace(latent, weight=None)
        self.prior = latent.p
        self.factorised = self.factorised and isinstance(latent.q, Independent)
        self.count += latent.q.batch_shape[0] if here is None else int(here.sum())
        wanted = self.max_points - self.num_points
        if wanted > 0:
            z, log_q, log_p = latent.z[0], latent.log_q[0], latent.log_p[0]
            if here is not None:
                z, log_q, log_p = z[here], log_q[here], log_p[here]
            z, log_q, log_p = (part[:wanted].clone() for part in (z, log_q, log_p))
            self.points.append((z, log_q, log_p))  # copies, which hold no whole batch
            self.num_points += len(z)
        if self.factorised:
            self.waiting.append((latent.q, here))
        if self.num_points >= self.max_points:
            self.meet()

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
        if self.fixed_prior is None:
            return terms
        if isinstance(self.fixed_prior, Independent):
            terms["dimension_wise_kl"] = log_product - log_p
        return {**terms, "aggregate_kl": log_qz - log_p}

    @property
    def fixed_prior(self) -> Distribution | None:
        """The prior p(z), if it is one for all examples."""
        return None if self.prior is None or self.prior.batch_shape else self.prior

    @torch.no_grad()
    def marginal_kl(self) -> Tensor | None:
        """Return KL(q(z_j) ‖ p(z_j)) in nats, ``(D,)``; ``None`` if q or p does not factorise."""
        prior = self.fixed_prior
        if self.densities is None or not isinstance(prior, Independent):
            return None
        log_p = prior.base_dist.log_prob(self.drawn[0])
        dims = prior.reinterpreted_batch_ndims
        return (self.densities[1] - log_p.flatten(log_p.dim() - dims)).mean(0)

    @cached_property
    def drawn(self) -> tuple[Tensor, Tensor, Tensor]:
        """The points ``(P, *event)``, their log q(z|x) and log p(z), ``(P,)`` each."""
        z, log_q, log_p = (torch.cat(column) for column in zip(*self.points, strict=True))
        return z, log_q, log_p

    @cached_property
    @torch.no_grad()
    def densities(self) -> tuple[Tensor, Tensor] | None:
        """Log q(z) ``(P,)`` and log q(z_j) ``(P, D)`` of the points, if q factorises."""
        if not self.factorised:
            return None
        self.meet()
        assert self.sums is not None
        whole, by_dim = self.sums
        return whole - log(self.count), by_dim - log(self.count)

    def meet(self) -> None:
        """Add the densities of all points, which are known now, under the posteriors that wait."""
        if not self.factorised:
            self.waiting, self.sums = [], None
            return
        z = self.drawn[0]
        for q, here in self.waiting:
            log_w = torch.zeros((), device=z.device)
            if here is not None:
                log_w = torch.where(here, log_w, -torch.inf)
            pairs = max(1, q.batch_shape[0] * z[0].numel())
            blocks = z.split(max(1, CHUNK // pairs))
            rows = [aggregate_log_probs(q, block, log_w) for block in blocks]
            found = tuple(torch.cat(column).double() for column in zip(*rows, strict=True))
            if self.sums is not None:
                found = tuple(map(torch.logaddexp, self.sums, found))
            self.sums = found[0], found[1]
        self.waiting = []


def has_aggregate(steps: Sequence[Latent]) -> bool:
    """Whether q(z) of a latent variable is the mixture of q(z|x) over examples."""
    q = steps[0].q
    alone = len(steps) == 1 and not steps[0].shared
    return alone and len(q.batch_shape) == 1 and q.event_shape.numel() > 0


def left_out(names: Sequence[str]) -> str:
    """Say of which latent variables there is no aggregate posterior."""
    return (
        f"The aggregate posterior of {', '.join(names)} is left out: its q is given earlier draws, "
        "or examples share it, or it has no dimension, so that it is no mixture over the examples."
    )
