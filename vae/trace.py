"""What a model says about a batch: the shape convention and the two records that carry it.

**Shapes.** Every tensor of a trace has shape ``(K, B, *event)``: ``K`` samples of the latents,
``B`` examples, then the event. A distribution given one example per row has batch shape ``(B,)``
and one given sampled latents has batch shape ``(K, B)``; the event (pixels, latent dimensions) is
always its ``event_shape``, so that a log-density is ``(K, B)``. Nothing is averaged before the
objective; there, terms are summed over events and averaged over examples, in nats per example.

Log-densities are computed when first asked for, so that an objective pays only for what it uses.
"""

__all__ = ["Latent", "Trace"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.divergence import kl_divergence

T = TypeVar("T")


class computed_once(Generic[T]):
    """An attribute that is computed when first asked for, and kept.

    `functools.cached_property` takes a lock before Python 3.12, which costs time in every step and
    which ``torch.compile`` cannot pass.
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
        q: The posterior q(z|x), batch shape ``(B,)`` or ``(K, B)``.
        p: The prior p(z), batch shape ``()``, ``(B,)`` or ``(K, B)``.
        z: A draw from ``q``, ``(K, B, *event)``; of relaxed categories, the logarithm of a point of
            the simplex, since ``q`` and ``p`` are densities of logarithms then.
        known_log_q: log q(z|x), ``(K, B)``, where drawing ``z`` gave it for free (flows).
        known_point: What the nets read, where it is not ``z``.
    """

    q: Distribution
    p: Distribution
    z: Tensor
    known_log_q: Tensor | None = None
    known_point: Tensor | None = None

    def __repr__(self) -> str:
        return f"Latent(z {shape(self.z)}, q {kind(self.q)}, p {kind(self.p)})"

    @property
    def point(self) -> Tensor:
        """The latent as the nets read it, ``(K, B, *event)``: of relaxed categories exp z."""
        return self.z if self.known_point is None else self.known_point

    @computed_once
    def log_q(self) -> Tensor:
        """Log q(z|x), ``(K, B)``."""
        return self.q.log_prob(self.z) if self.known_log_q is None else self.known_log_q

    @computed_once
    def log_p(self) -> Tensor:
        """Log p(z), ``(K, B)``."""
        return self.p.log_prob(self.z)

    @computed_once
    def kl(self) -> Tensor:
        """KL(q ‖ p), ``(K, B)``: in closed form where one is registered, else log q − log p."""
        return self.log_q - self.log_p if self.closed_kl is None else self.closed_kl

    @computed_once
    def closed_kl(self) -> Tensor | None:
        """KL(q ‖ p) in closed form, ``(K, B)``; ``None`` where none is registered."""
        try:
            kl = kl_divergence(self.q, self.p)
        except NotImplementedError:
            return None
        # A view where it does: a broadcast has a sum in its gradient.
        return kl.view(self.z.shape[:2]) if len(self.z) == 1 else kl.expand(self.z.shape[:2])

    @computed_once
    def kl_per_dim(self) -> Tensor | None:
        """KL of each latent variable, ``(K, B, D)``; ``None`` where q or p does not factorise."""
        if not (isinstance(self.q, Independent) and isinstance(self.p, Independent)):
            return None
        q, p = self.q.base_dist, self.p.base_dist
        try:
            kl = kl_divergence(q, p)
        except NotImplementedError:
            kl = q.log_prob(self.z) - p.log_prob(self.z)
        return kl.expand(*self.z.shape[:2], kl.shape[-1])


@dataclass(frozen=True, repr=False)
class Trace:
    """What every model returns, with one latent variable or many; printed, it is a summary.

    Args:
        x: The batch, ``(B, *event)``.
        px: The likelihood p(x|z), batch shape ``(K, B)``.
        latents: The latent variables, in the order in which the generative model draws them.

    Example:
        >>> import torch
        >>> from torch.distributions import Normal
        >>> q, p = Independent(Normal(torch.zeros(2, 3), 1.0), 1), Normal(0.0, 1.0).expand((3,))
        >>> px = Independent(Normal(torch.zeros(1, 2, 4), 1.0), 1)
        >>> latent = Latent(q, Independent(p, 1), torch.zeros(1, 2, 3))
        >>> print(Trace(torch.zeros(2, 4), px, (latent,)))
        x           (2, 4)     p(x|z) Normal
        z           (1, 2, 3)  q Normal, p Normal
        ELBO        (1, 2)     -3.68 ± 0.00 nats over 2 examples
        log p(x|z)  (1, 2)     -3.68 ± 0.00 nats over 2 examples
        KL          (1, 2)     0.00 ± 0.00 nats over 2 examples
    """

    x: Tensor
    px: Distribution
    latents: tuple[Latent, ...]

    def __repr__(self) -> str:
        return f"Trace(x {shape(self.x)}, px {kind(self.px)}, latents {self.latents})"

    def __str__(self) -> str:
        rows = [("x", shape(self.x), f"p(x|z) {kind(self.px)}")]
        for i, latent in enumerate(self.latents):
            name = "z" if len(self.latents) == 1 else f"z{i}"
            rows.append((name, shape(latent.z), f"q {kind(latent.q)}, p {kind(latent.p)}"))
        for name, value in {"ELBO": self.elbo, "log p(x|z)": self.log_px, "KL": self.kl}.items():
            rows.append((name, shape(value), over_examples(value)))
        widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
        return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}" for a, b, c in rows)

    @computed_once
    def log_px(self) -> Tensor:
        """Log p(x|z), ``(K, B)``."""
        return self.px.log_prob(self.x)

    @computed_once
    def kl(self) -> Tensor:
        """KL(q ‖ p) summed over the latent variables, ``(K, B)``."""
        return sum((latent.kl for latent in self.latents[1:]), self.latents[0].kl)

    @computed_once
    def log_joint(self) -> Tensor:
        """Log p(x, z), ``(K, B)``."""
        return self.log_px + sum(latent.log_p for latent in self.latents)

    @computed_once
    def log_weight(self) -> Tensor:
        """Log w = log p(x, z) − log q(z|x), ``(K, B)``; its expectation is the ELBO."""
        return self.log_joint - sum(latent.log_q for latent in self.latents)

    @property
    def elbo(self) -> Tensor:
        """The evidence lower bound log p(x|z) − KL, ``(K, B)``, whatever the objective."""
        return self.log_px - self.kl


def shape(tensor: Tensor) -> str:
    """Return the shape of a tensor, as it is written."""
    return str(tuple(tensor.shape))


def kind(distribution: Distribution) -> str:
    """Return the name of a distribution's class, of independent dimensions that of each."""
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return type(distribution).__name__


def over_examples(value: Tensor) -> str:
    """Return the mean over samples and examples, and the deviation over examples, in nats."""
    each = value.detach().double().mean(0)
    deviation = each.std(correction=0).item()
    return f"{each.mean().item():,.2f} ± {deviation:,.2f} nats over {len(each)} examples"
