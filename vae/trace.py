"""What a model says about a batch: the shape convention and the records that carry it.

**Shapes.** Every tensor of a trace has shape ``(K, B, *event)``: ``K`` samples of the latents,
``B`` examples, then the event. A distribution given one example per row has batch shape ``(B,)``
and one given sampled latents has batch shape ``(K, B)``; the event (pixels, latent dimensions) is
always its ``event_shape``, so that a log-density is ``(K, B)``. Nothing is averaged before the
objective; there, terms are summed over events and averaged over examples, in nats per example.

Log-densities are computed when first asked for, so that an objective pays only for what it uses.
"""

__all__ = ["Latent", "Observed", "Trace"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.distributions.joint import kl_divergence
from vae.masked import masked_log_prob
from vae.stems import JoinedSteps, joined
from vae.trace_table import blank, kind, shape, table, the_only

T = TypeVar("T")
UNDRAWN = "{} was not drawn, only its KL is known: use objective=elbo and estimator=pathwise"


class computed_once(Generic[T]):
    """An attribute that is computed when first asked for, and kept.

    `functools.cached_property` takes a lock before Python 3.12: ``torch.compile`` cannot pass it.
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function = function
        self.name = function.__name__
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type) -> T:
        if instance is None:  # looked up on the class
            return self  # type: ignore[return-value]
        value = self.function(instance)
        object.__setattr__(instance, self.name, value)  # the next look finds it before this method
        return value


@dataclass(frozen=True, repr=False)
class Latent:
    """One latent variable of one batch, with its posterior and its prior.

    Args:
        name: What the model calls it.
        q: The posterior q(z|x), batch shape ``(B,)``; ``(K, B)`` where it was given earlier draws;
            ``()`` of a variable that all examples share.
        p: The prior p(z), batch shape ``()``, ``(B,)`` or ``(K, B)``.
        z: A draw from ``q``, ``(K, B, *event)``, ``(K, 1, *event)`` where it is shared; of relaxed
            categories the logarithm, of which ``q`` and ``p`` are densities then.
        known_log_q: log q(z|x), ``(K, B)``, where drawing ``z`` gave it for free (flows).
        known_point: What the nets read, where it is not ``z``.
        weight: How much its densities count, broadcastable to ``(K, B)``: 0 where an example has no
            such variable; ``None`` counts all once.
        shared: Whether all examples share it.
        drawn: Whether the model read ``z``. Else it took q as a whole, as local reparameterization
            does; ``z`` is NaN then, or a draw for a KL that has no closed form.
    """

    name: str
    q: Distribution
    p: Distribution
    z: Tensor
    known_log_q: Tensor | None = None
    known_point: Tensor | None = None
    weight: Tensor | float | None = None
    shared: bool = False
    drawn: bool = True

    def __repr__(self) -> str:
        return f"Latent({', '.join(self.summary)})"

    @property
    def summary(self) -> tuple[str, str, str]:
        """Name, shape and distributions."""
        return self.name, shape(self.z), f"q {kind(self.q)}, p {kind(self.p)}"

    @property
    def point(self) -> Tensor:
        """The latent as the nets read it, ``(K, B, *event)``: of relaxed categories exp z."""
        return self.z if self.known_point is None else self.known_point

    @computed_once
    def log_q(self) -> Tensor:
        """Log q(z|x), ``(K, B)``."""
        self.need_draw()
        log_q = self.q.log_prob(self.z) if self.known_log_q is None else self.known_log_q
        return weighed(log_q, self.weight)

    @computed_once
    def log_p(self) -> Tensor:
        """Log p(z), ``(K, B)``."""
        self.need_draw()
        return weighed(self.p.log_prob(self.z), self.weight)

    def need_draw(self) -> None:
        """Refuse the density at a value that the model did not read, with a ValueError."""
        if not self.drawn:
            raise ValueError(UNDRAWN.format(self.name))

    @computed_once
    def kl(self) -> Tensor:
        """KL(q ‖ p), ``(K, B)``: in closed form where one is registered, else log q − log p."""
        if self.closed_kl is None and not self.drawn:
            return weighed(self.q.log_prob(self.z) - self.p.log_prob(self.z), self.weight)
        return self.log_q - self.log_p if self.closed_kl is None else self.closed_kl

    @computed_once
    def closed_kl(self) -> Tensor | None:
        """KL(q ‖ p) in closed form, ``(K, B)``; ``None`` where none is registered."""
        try:
            kl = kl_divergence(self.q, self.p)
        except NotImplementedError:
            return None
        # A view where it does: a broadcast has a sum in its gradient.
        kl = kl.view(self.z.shape[:2]) if len(self.z) == 1 else kl.expand(self.z.shape[:2])
        return weighed(kl, self.weight)

    @computed_once
    def kl_per_dim(self) -> Tensor | None:
        """KL of each of D dimensions, ``(K, B, D)``; ``None`` where q or p does not factorise."""
        q, p = self.q, self.p
        if not (isinstance(q, Independent) and isinstance(p, Independent)):
            return None
        if (dims := q.reinterpreted_batch_ndims) != p.reinterpreted_batch_ndims:
            return None
        try:
            kl = kl_divergence(q.base_dist, p.base_dist)
        except NotImplementedError:
            kl = q.base_dist.log_prob(self.z) - p.base_dist.log_prob(self.z)
        event = kl.shape[kl.dim() - dims :]
        kl = kl.expand(*self.z.shape[:2], *event).reshape(*self.z.shape[:2], -1)
        weight = self.weight
        return weighed(kl, weight.unsqueeze(-1) if isinstance(weight, Tensor) else weight)


@dataclass(frozen=True, repr=False)
class Observed:
    """One observed variable of one batch, with its likelihood.

    Args:
        name: What the model calls it.
        px: The likelihood p(x|z), batch shape ``(K, B)``.
        x: Its values, ``(B, *event)``, or ``(K, B, *event)`` where they were drawn; ``None`` where
            they are not known.
        weight: How much its density counts, broadcastable to ``(K, B)``: 0 where an example lacks
            it, whatever ``x`` holds there; ``None`` counts all once.
        mask: Which values count, bool ``(B, *event)``, of a likelihood that factorises over them.

    Raises:
        ValueError: When its density is asked for, if there is a mask and p(x|z) does not factorise.
    """

    name: str
    px: Distribution
    x: Tensor | None
    weight: Tensor | float | None = None
    mask: Tensor | None = None

    def __repr__(self) -> str:
        return f"Observed({', '.join(self.summary)})"

    @property
    def summary(self) -> tuple[str, str, str]:
        """Its name, shape and distribution."""
        values = "unknown" if self.x is None else shape(self.x)
        return self.name, values, f"p({self.name}|z) {kind(self.px)}"

    @computed_once
    def log_px(self) -> Tensor:
        """Log p(x|z), ``(K, B)``."""
        x, weight = self.x, self.weight
        if x is None:
            raise ValueError(
                f"the values of {self.name} are not known: there is no density of them"
            )
        if isinstance(weight, Tensor):
            trailing = (1,) * len(self.px.event_shape)
            x = torch.where(weight.reshape(*weight.shape, *trailing) == 0, blank(self.px), x)
        if self.mask is None:
            return weighed(self.px.log_prob(x), weight)
        return weighed(masked_log_prob(self.name, self.px, x, self.mask), weight)


@dataclass(frozen=True, repr=False)
class Trace:
    """What every model returns, with one variable of a kind or many; printed, it is a summary.

    Args:
        latents: The latent variables, in the order in which the model draws them.
        observed: The observed ones.
        rerun: Runs the model on the same batch under other `Draws`; ``None`` of a trace that no
            model made.
        num_examples: How many examples share the variables that are shared.

    Example:
        >>> import torch
        >>> from torch.distributions import Normal
        >>> q, p = Independent(Normal(torch.zeros(2, 3), 1.0), 1), Normal(0.0, 1.0).expand((3,))
        >>> px = Independent(Normal(torch.zeros(1, 2, 4), 1.0), 1)
        >>> z = Latent("z", q, Independent(p, 1), torch.zeros(1, 2, 3))
        >>> print(Trace((z,), (Observed("x", px, torch.zeros(2, 4)),)))
        z           (1, 2, 3)  q Normal, p Normal
        x           (2, 4)     p(x|z) Normal
        ELBO        (1, 2)     -3.68 ± 0.00 nats over 2 examples
        log p(x|z)  (1, 2)     -3.68 ± 0.00 nats over 2 examples
        KL          (1, 2)     0.00 ± 0.00 nats over 2 examples
    """

    latents: tuple[Latent, ...]
    observed: tuple[Observed, ...]
    rerun: Callable[[Any], None] | None = field(default=None, compare=False)
    num_examples: int = 1

    def __repr__(self) -> str:
        return f"Trace(latents {self.latents}, observed {self.observed})"

    def __str__(self) -> str:
        numbers = {"ELBO": self.elbo, "log p(x|z)": self.log_px, "KL": self.kl}
        return table([*self.chains, *self.observed], numbers)

    def __getitem__(self, name: str) -> Latent:
        """Return the latent variable of a name, or raise a KeyError."""
        return {latent.name: latent for latent in self.latents}[name]

    @property
    def px(self) -> Distribution:
        """The likelihood of the only observed variable; an error if there are several."""
        return the_only(self.observed).px

    @property
    def x(self) -> Tensor | None:
        """The values of the only observed variable; an error if there are several."""
        return the_only(self.observed).x

    @computed_once
    def chains(self) -> Sequence["Latent | JoinedSteps"]:
        """The latent variables, the steps of a chain as one where that can be."""
        return self.latents if len(self.latents) < 2 else joined(self.latents)

    @computed_once
    def log_px(self) -> Tensor:
        """Log p(x|z) summed over the observed variables, ``(K, B)``."""
        return total([variable.log_px for variable in self.observed])

    @computed_once
    def kl(self) -> Tensor:
        """KL(q ‖ p) summed over the latent variables, ``(K, B)``."""
        return total([each.kl for each in self.chains])

    @computed_once
    def log_p(self) -> Tensor:
        """Log p(z) summed over the latent variables, ``(K, B)``."""
        return total([each.log_p for each in self.chains])

    @computed_once
    def log_q(self) -> Tensor:
        """Log q(z|x) summed over the latent variables, ``(K, B)``."""
        return total([each.log_q for each in self.chains])

    @computed_once
    def log_joint(self) -> Tensor:
        """Log p(x, z), ``(K, B)``."""
        return self.log_px + self.log_p

    @computed_once
    def log_weight(self) -> Tensor:
        """Log w = log p(x, z) − log q(z|x), ``(K, B)``; its expectation is the ELBO."""
        return self.log_joint - self.log_q

    @property
    def elbo(self) -> Tensor:
        """The evidence lower bound log p(x|z) − KL, ``(K, B)``, whatever the objective."""
        return self.log_px - self.kl


def weighed(value: Tensor, weight: Tensor | float | None) -> Tensor:
    """Return a log-density as much as it counts; where that is 0, whatever it is."""
    if weight is None:
        return value
    if isinstance(weight, Tensor):
        return torch.where(weight == 0, 0.0, weight * value)
    return weight * value


def total(values: list[Tensor]) -> Tensor:
    """Return the sum of tensors, at least one."""
    return reduce(torch.add, values)
