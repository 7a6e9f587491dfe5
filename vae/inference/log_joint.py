"""A log-joint as a `Model`: its posterior is free, one distribution for all data."""

__all__ = ["LogJoint"]

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn
from torch.distributions import Distribution

from vae.batch import Batch
from vae.distributions.normal_mixture import NormalMixture
from vae.draws import Draws, count_rows
from vae.inference.flat import Flat, Known
from vae.inference.states import States
from vae.inference.target import RowsTarget, Target
from vae.models import Model
from vae.parts import Parts
from vae.spec import DataSpec


class LogJoint(Model):
    r"""The ELBO of a log-joint, :math:`E_q[\log p(x, T(u)) + \log|∂T/∂u|] + H[q]`.

    The one latent is u, of a flat density, so that its KL is the negative entropy of q, in closed
    form where there is one. What is observed is the log-joint.

    A batch ``{"x": (B,)}`` are B examples, each of which is the whole log-joint with draws of its
    own; their values do not count. A batch ``{"index": (B,)}`` are some rows of the data: u is
    shared by all rows, and figures are per row.

    Of a mixture example b is drawn from component b mod M alone, and counts M times the weight of
    that: the bound, a sum over components, has an exact gradient by their weights. B is a multiple
    of M then.

    Args:
        target: The density.
        posterior: Called, it returns q over u, ``(D,)``, of batch shape ``()``.
        states: q over the discrete latents, if there are some.
        per_row: Whether figures of the whole log-joint are per row of the data too.

    References:
        Automatic Differentiation Variational Inference with Mixture Families (Morningstar et al.,
        2020), 2003.01687.
    """

    proper = False

    def __init__(
        self,
        target: Target,
        posterior: nn.Module,
        *,
        states: States | None = None,
        per_row: bool = False,
    ) -> None:
        super().__init__()
        self.target = target
        self.posterior = posterior
        self.states = states
        self.share = 1 / target.num_examples if per_row else 1.0

    @classmethod
    def build(cls, spec: DataSpec, parts: Parts, *_: Any, **own: Any) -> Self:
        """Refuse: no config describes a log-joint.

        Raises:
            ValueError: Always.
        """
        raise ValueError("a log-joint is a Python function: use vae.fit")

    def run(self, batch: Batch, draws: Draws) -> None:
        """Draw u, and say how likely it and the data are."""
        if "index" in batch:
            self.run_rows(batch["index"], draws)
            return
        target, x = self.target, batch["x"]
        q: Distribution = self.posterior()
        weight: Tensor | None
        if isinstance(q, NormalMixture):
            q, weights = q.by_component(len(x))
            weight = weights * self.share
        else:
            q = q.expand((len(x),))
            weight = None if self.share == 1 else x.new_full((len(x),), self.share)
        event = (target.space.dim,)
        u = draws.latent("u", q=lambda: q, p=Flat(*event), weight=weight, event=event)
        draws.observe("x", self.density(u, draws), x, weight=weight)

    def density(self, u: Tensor, draws: Draws) -> Callable[[], Distribution]:
        """Return what makes the log-joint of u ``(K, B, D)``, with the discrete latents."""
        target, states = self.target, self.states
        if states is None:
            return lambda: Known(target.log_density(u))
        if states.way == "enumerate":
            return lambda: Known(expected_density(target, states, u))
        relaxes = states.way == "relaxed" and self.training
        values = states.chosen(draws, u.shape[1], relaxes=relaxes)
        constant = states.constant if relaxes else 0.0
        return lambda: Known(target.log_density(u, values) + constant)

    def run_rows(self, index: Tensor, draws: Draws) -> None:
        """Draw u once for all rows, and say how likely these are, each with a share of the prior.

        Raises:
            ValueError: If the target has no rows.
        """
        target = self.target
        if not isinstance(target, RowsTarget):
            raise ValueError("mini-batches need rows: give log_likelihood= and data=")
        event = (target.space.dim,)
        u = draws.latent("u", q=self.posterior, p=Flat(*event), shared=True, event=event)

        def px() -> Distribution:
            log_prior, rows = target.parts(u[:, 0], target.rows(index))
            return Known(rows + log_prior[:, None] / draws.num_examples)

        draws.observe("x", px, u.new_zeros(count_rows({"index": index})))


def expected_density(target: Target, states: States, u: Tensor) -> Tensor:
    """Return E_q(s)[log p(x, u, s) − log q(s)], a sum over all states, ``(K, B)``."""
    values, log_q = states.all_states()
    lead = (*u.shape[:-1], len(log_q))
    spread = {name: value.expand(*lead, *value.shape[1:]) for name, value in values.items()}
    log_p = target.log_density(u.unsqueeze(-2).expand(*lead, u.shape[-1]), spread)
    return (log_q.exp() * (log_p - log_q)).sum(-1)
