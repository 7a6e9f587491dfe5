"""Named latent variables as one vector of reals."""

__all__ = ["Space", "Supports", "Told", "check_latents", "shape_of", "split_latents", "support_of"]

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Transform, constraints
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import ComposeTransform

from vae.inference.bijections import bijection_to

INTERVALS = (constraints.interval, constraints.half_open_interval, constraints.integer_interval)
Told = Constraint | tuple[Constraint, Sequence[int] | int]
Supports = Mapping[str, Told]


class Slot(NamedTuple):
    """Where a latent variable stands in the vector.

    Attributes:
        start: Its first coordinate.
        stop: The one after its last.
        flat: Its shape before the bijection.
        shape: That of its value.
        bijection: From the reals to its support; ``None`` if that is the reals.
    """

    start: int
    stop: int
    flat: tuple[int, ...]
    shape: tuple[int, ...]
    bijection: Transform | None


class Space:
    r"""Named latents with supports, as one vector u of D reals.

    Each value is :math:`T(u)` of its own slice, where T is the bijection onto its support. A
    density of values becomes one of u by the factor :math:`|\det ∂T/∂u|`.

    Args:
        latents: The support of each, of `torch.distributions.constraints`, and the shape of one
            value, which is ``()`` where the support stands alone.

    Attributes:
        names: Of the latents, in order.
        dim: D; of a simplex of n parts n − 1 coordinates count.
        supports: By name.
        shapes: Of the values, by name.

    Raises:
        ValueError: If a support has no bijection from the reals, or a shape is not one of its
            values.

    Example:
        >>> from torch.distributions import constraints
        >>> space = Space({"mu": constraints.real, "w": (constraints.simplex, (3,))})
        >>> values, log_jacobian = space.constrain(torch.zeros(5, space.dim))
        >>> space.dim, values["w"].shape, log_jacobian.shape
        (3, torch.Size([5, 3]), torch.Size([5]))
    """

    def __init__(self, latents: Supports) -> None:
        self.slots: dict[str, Slot] = {}
        self.supports: dict[str, Constraint] = {}
        self.dim = 0
        for name, told in latents.items():
            self.supports[name] = support = support_of(told)
            slot = slot_of(name, support, shape_of(told), self.dim)
            self.slots[name], self.dim = slot, slot.stop
        self.names = tuple(self.slots)
        self.sizes = [slot.stop - slot.start for slot in self.slots.values()]
        self.shapes = {name: slot.shape for name, slot in self.slots.items()}

    def __repr__(self) -> str:
        told = ", ".join(f"{k} {self.supports[k]} {slot.shape}" for k, slot in self.slots.items())
        return f"Space({told})"

    def constrain(self, u: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return the values of a vector, and the logarithm of the Jacobian's determinant.

        Args:
            u: ``(*lead, D)``.

        Returns:
            ``(*lead, *shape)`` by name, and ``(*lead,)``.
        """
        values, log_jacobian = self.mapped(u)
        return values, u.new_zeros(u.shape[:-1]) if log_jacobian is None else log_jacobian

    def mapped(self, u: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return the same as `constrain`, and no Jacobian where all supports are the reals."""
        lead, total = u.shape[:-1], None
        values: dict[str, Tensor] = {}
        if not self.slots:
            return values, total
        # One split: each slice would have a gradient of all coordinates.
        parts = u.split(self.sizes, -1)
        for part, (name, (_, _, flat, _, bijection)) in zip(parts, self.slots.items(), strict=True):
            if len(flat) != 1:
                part = part.reshape((*lead, *flat))
            if bijection is None:
                values[name] = part
                continue
            value = bijection(part)
            log_j = bijection.log_abs_det_jacobian(part, value)
            if log_j.dim() > len(lead):
                log_j = log_j.flatten(len(lead)).sum(-1)
            values[name] = value
            total = log_j if total is None else total + log_j
        return values, total

    def unconstrain(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the vector of values, ``(*lead, D)``.

        Args:
            values: ``(*lead, *shape)`` by name, inside the supports.

        Raises:
            ValueError: If a latent is missing or not known, or a value has another shape or lies
                outside its support.
        """
        if values.keys() != self.slots.keys():
            raise ValueError(f"expected values of {self.names}; got {tuple(values)}")
        parts: list[Tensor] = []
        for name, slot in self.slots.items():
            value = torch.as_tensor(values[name])
            count = value.dim() - len(slot.shape)
            if count < 0 or value.shape[count:] != slot.shape:
                raise ValueError(
                    f"{name} has values of shape (..., {', '.join(map(str, slot.shape))}); got "
                    f"{tuple(value.shape)}"
                )
            if not self.supports[name].check(value).all():
                raise ValueError(f"{name} must lie in {self.supports[name]}; got {value!s:.80}")
            part = value if slot.bijection is None else slot.bijection.inv(value)
            parts.append(part.reshape(*value.shape[:count], slot.stop - slot.start))
        return torch.cat(parts, -1)


def check_latents(latents: Supports) -> None:
    """Refuse what names no latent, or tells no support and shape of one.

    Raises:
        ValueError: Saying what was given.
    """
    for name, told in latents.items():
        if not isinstance(name, str):
            raise ValueError(f"a latent must have a name in text, such as 'mu'; got {name!r:.60}")
        if isinstance(told, tuple) and (len(told) != 2 or not is_shape(told[1])):
            raise ValueError(
                f"latents of {name} must be a support or (support, shape), such as "
                f"(constraints.real, (3,)); got {told!r:.80}"
            )
        check_bounds(name, support_of(told))


def is_shape(shape: object) -> bool:
    """Say whether this is a shape, or the one number of one."""
    sizes = shape if isinstance(shape, Sequence) and not isinstance(shape, str) else [shape]
    return all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in sizes)


def check_bounds(name: str, support: Constraint) -> None:
    """Refuse an interval of which nothing lies between the bounds.

    Raises:
        ValueError: If it is one.
    """
    if isinstance(support, constraints.independent):
        check_bounds(name, support.base_constraint)
    if not isinstance(support, INTERVALS):
        return
    low, high = torch.as_tensor(support.lower_bound), torch.as_tensor(support.upper_bound)
    if (low > high if support.is_discrete else low >= high).any():
        raise ValueError(
            f"the support of {name} must have a lower bound below its upper bound; got {support}: "
            "give interval(low, high)"
        )


def split_latents(latents: Supports) -> tuple[Supports, Supports]:
    """Return the latents that are continuous, and those that are discrete."""
    discrete = {name: told for name, told in latents.items() if support_of(told).is_discrete}
    return {name: told for name, told in latents.items() if name not in discrete}, discrete


def support_of(told: Told) -> Constraint:
    """Return the support of a latent, which has a shape or not."""
    support = told[0] if isinstance(told, tuple) else told
    if not isinstance(support, Constraint):
        raise ValueError(
            "the support of a latent must be one of torch.distributions.constraints, such as "
            f"constraints.positive; got {support!r:.60}"
        )
    return support


def shape_of(told: Told) -> tuple[int, ...]:
    """Return the shape of a latent's value, of which a number n means ``(n,)``."""
    if not isinstance(told, tuple):
        return ()
    return (told[1],) if isinstance(told[1], int) else tuple(told[1])


def slot_of(name: str, support: Constraint, shape: tuple[int, ...], start: int) -> Slot:
    """Return the place of a latent variable behind those before it.

    Raises:
        ValueError: If its support has no bijection, or no value of such a shape.
    """
    bijection = bijection_to(support, name)
    if len(shape) < support.event_dim:
        raise ValueError(
            f"a value of {name} has {support.event_dim} dimension(s), since its support is "
            f"{support}; got shape {shape}: give (support, shape)"
        )
    try:
        flat = tuple(bijection.inverse_shape(torch.Size(shape)))
    except ValueError as error:
        raise ValueError(f"{name}: no value of {support} has shape {shape} ({error})") from error
    size = torch.Size(flat).numel()
    if size < 1:
        raise ValueError(f"{name} must have a coordinate; got shape {shape}")
    plain = isinstance(bijection, ComposeTransform) and not bijection.parts
    return Slot(start, start + size, flat, shape, None if plain else bijection)
