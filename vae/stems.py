"""The steps of a chain of latent variables, ``z.0``, ``z.1`` and so on, as one variable ``z``."""

__all__ = ["JoinedSteps", "joined", "stem", "stems"]

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions.concatenated import concatenated


class OneLatent(Protocol):
    """What is asked of a latent variable; see `vae.trace.Latent`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """What the model calls it."""

    @property
    def q(self) -> Distribution:
        """Its posterior."""

    @property
    def p(self) -> Distribution:
        """Its prior."""

    @property
    def z(self) -> Tensor:
        """Its draw, ``(K, B, *event)``."""

    @property
    def known_log_q(self) -> Tensor | None:
        """Log q(z|x), where it is known already."""

    @property
    def weight(self) -> Tensor | float | None:
        """How much its densities count."""

    @property
    def shared(self) -> bool:
        """Whether all examples share it."""

    @property
    def point(self) -> Tensor:
        """The latent as the nets read it."""

    @property
    def summary(self) -> tuple[str, str, str]:
        """Name, shape and distributions."""

    @property
    def log_q(self) -> Tensor:
        """Log q(z|x), ``(K, B)``."""

    @property
    def log_p(self) -> Tensor:
        """Log p(z), ``(K, B)``."""

    @property
    def kl(self) -> Tensor:
        """KL(q ‖ p), ``(K, B)``."""


L = TypeVar("L", bound=OneLatent)


def stem(name: str) -> str:
    """Return what the chain of a latent variable is called; its own name if it is no step of one.

    Example:
        >>> stem("z.12"), stem("decoder.weight"), stem("z")
        ('z', 'decoder.weight', 'z')
    """
    chain, _, step = name.rpartition(".")
    return chain if chain and step.isdigit() else name


def stems(latents: Iterable[L]) -> dict[str, list[L]]:
    """Return latent variables by name, the steps of a chain as one.

    Steps are called ``z.0``, ``z.1`` and so on, of one shape; they stand under ``z``.
    """
    chains: dict[str, list[L]] = {}
    for latent in latents:
        chains.setdefault(stem(latent.name), []).append(latent)
    found: dict[str, list[L]] = {}
    for name, steps in chains.items():
        alike = len({(latent.z.shape[2:], latent.shared) for latent in steps}) == 1
        found |= {name: steps} if alike else {latent.name: [latent] for latent in steps}
    return found


class JoinedSteps:
    """The densities of the steps of one chain, each of which is computed for all at once.

    Args:
        whole: The steps one after the other as one variable, ``(T·K, B, *event)``.
        count: T.
    """

    def __init__(self, whole: OneLatent, count: int) -> None:
        self.whole, self.count = whole, count

    @property
    def log_q(self) -> Tensor:
        """Log q(z|x) summed over the steps, ``(K, B)``."""
        return self.summed(self.whole.log_q)

    @property
    def log_p(self) -> Tensor:
        """Log p(z) summed over the steps, ``(K, B)``."""
        return self.summed(self.whole.log_p)

    @property
    def kl(self) -> Tensor:
        """KL(q ‖ p) summed over the steps, ``(K, B)``."""
        return self.summed(self.whole.kl)

    @property
    def summary(self) -> tuple[str, str, str]:
        """Name of the chain, number and shape of its steps, and distributions."""
        name, _, kinds = self.whole.summary
        shape = (len(self.whole.z) // self.count, *self.whole.z.shape[1:])
        return stem(name), f"{self.count} × {shape}", kinds

    def summed(self, value: Tensor) -> Tensor:
        """Return the sum over the steps of values ``(T·K, B)``."""
        return value.unflatten(0, (self.count, -1)).sum(0)


def joined(latents: Sequence[L]) -> list[L | JoinedSteps]:
    """Return latent variables, the steps of a chain as one where their kinds allow it."""
    found: list[L | JoinedSteps] = []
    for steps in stems(latents).values():
        whole = in_a_row(steps) if len(steps) > 1 else None
        found += steps if whole is None else [JoinedSteps(whole, len(steps))]
    return found


def in_a_row(steps: Sequence[L]) -> L | None:
    """Return the steps one after the other, ``(T·K, B, *event)``; ``None`` if that cannot be."""
    first, lead = steps[0], steps[0].z.shape[:2]
    known = any(a.known_log_q is not None or a.point is not a.z for a in steps)
    if first.shared or known or any(a.z.shape[:2] != lead for a in steps):
        return None  # of flows too, which have no parameters to be joined
    q, p = (in_one([getattr(a, name) for a in steps], lead) for name in ("q", "p"))
    if q is None or p is None:
        return None
    z = torch.cat([a.z for a in steps])
    return replace(first, q=q, p=p, z=z, known_point=None, weight=weights(steps))


def in_one(many: Sequence[Distribution], lead: Sequence[int]) -> Distribution | None:
    """Return distributions as one; one of all rows that all are the same stays as it is."""
    first = many[0]
    if not first.batch_shape and all(each is first for each in many):
        return first
    return concatenated(many, lead)


def weights(steps: Sequence[L]) -> Tensor | None:
    """Return how much each draw of each step counts, ``(T·K, B)``; ``None`` if all count once."""
    lead = steps[0].z.shape[:2]
    if all(a.weight is None for a in steps):
        return None
    one = steps[0].z.new_ones(())
    each = [one if a.weight is None else torch.as_tensor(a.weight).to(one) for a in steps]
    return torch.cat([weight.expand(lead) for weight in each])
