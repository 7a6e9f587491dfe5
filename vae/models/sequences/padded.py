"""The sequences of a batch, padded to one length, and what of them may be read."""

__all__ = ["Padded", "check_real", "event_of", "fields_of", "input_size"]

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.batch import Batch, known_values, within
from vae.distributions import Head
from vae.draws import Draws
from vae.models.border import check_mask
from vae.spec import DataSpec
from vae.supports import same_support
from vae.trace import Observed

READ = ("length", "mask")  # beside x, of data that have them


class Padded:
    """B sequences of up to T steps.

    Args:
        batch: ``x``, ``(B, T, *event)``, if it is known; ``length``, ``(B,)``, steps that count,
            all if there is none; ``mask``, ``(B, T)`` or ``(B, T, *event)``, which values are
            known, all if there is none.
        event: Shape of one step.
        num_steps: T where x is not known.
        told: Whether the nets are told which values are known.

    Attributes:
        x: Values as they were given.
        num_steps: T.
        length: As it was given, ``None`` if all steps count.
        valid: Steps that count, bool ``(B, T)``; ``None`` means all.
        known: Values that count, bool ``(B, T, *event)`` or of size 1 in the event; ``None``: all.

    Raises:
        ValueError: If x or the mask have another shape.
    """

    def __init__(self, batch: Batch, event: Sequence[int], num_steps: int, *, told: bool) -> None:
        x, mask = batch.get("x"), batch.get("mask")
        self.x, self.length, self.event, self.told = x, batch.get("length"), tuple(event), told
        if x is not None and (x.dim() != 2 + len(event) or x.shape[2:] != self.event):
            wanted = ", ".join(map(str, ("B", "T", *event)))
            raise ValueError(f"x has shape {tuple(x.shape)}; this model takes ({wanted})")
        self.num_steps = num_steps if x is None else x.shape[1]
        self.valid: Tensor | None = None
        if self.length is not None:
            self.valid = within(self.length, self.num_steps)
        if x is not None and mask is not None:
            check_mask(mask, x)
        self.known = None if x is None else known_values(x, self.length, mask)
        self.weights = self.weights_of(x)

    def weights_of(self, x: Tensor | None) -> Sequence[Tensor | None]:
        """Return how much each step counts, T tensors ``(B,)``; ``None`` where all count once."""
        if self.valid is None:
            return [None] * self.num_steps
        dtype = torch.get_default_dtype() if x is None else x.dtype
        return self.valid.to(dtype).T.unbind(0)

    def seen(self, t: int, px: Callable[[], Distribution]) -> Observed:
        """Return what is observed of step t, with its likelihood."""
        x = None if self.x is None else self.x[:, t]
        return Observed(
            "x", px(), x, self.weights[t], None if self.known is None else self.known[:, t]
        )

    def fed(self, draws: Draws, t: int, px: Callable[[], Distribution]) -> Tensor:
        """Return the values of step t with which a model goes on; see `Draws.fed`."""
        if self.x is None:
            return draws.fed(px, None, None)
        return draws.fed(px, self.x[:, t], None if self.known is None else self.known[:, t])

    @property
    def filled(self) -> Tensor:
        """The values, 0 where they are not known, ``(B, T, *event)``."""
        assert self.x is not None
        return self.x if self.known is None else torch.where(self.known, self.x, 0.0)

    @property
    def inputs(self) -> Tensor:
        """What the nets read of every step, ``(B, T, I)``; see `input_size`."""
        values = self.filled
        flat = values.flatten(2)
        if not self.told:
            return flat
        known = values.new_ones(()) if self.known is None else self.known.to(values)
        return torch.cat([flat, known.expand_as(values).flatten(2)], -1)

    def input_of(self, x: Tensor) -> Tensor:
        """Return what the nets read of one step whose values are all known, ``(*lead, I)``."""
        flat = x.flatten(x.dim() - len(self.event))
        return torch.cat([flat, torch.ones_like(flat)], -1) if self.told else flat


def event_of(spec: DataSpec) -> DataSpec:
    """Return what is known of one step of sequences ``(T, *event)``.

    Raises:
        ValueError: If the data are no sequences, or may as well be pictures ``(C, H, W)``.
    """
    if len(spec.shape) == 3 and not spec.of_sequences:
        raise ValueError(
            f"this model is one of sequences; data {spec.name} of shape {spec.shape} are taken for "
            "pictures: use model=conv, or data with a field length if the first number counts steps"
        )
    if len(spec.shape) < 2:
        raise ValueError(
            f"this model is one of sequences (T, ...); data {spec.name} have examples of shape "
            f"{spec.shape}: use data=moving_sprites or others of sequences, or model=mlp"
        )
    return replace(spec, shape=spec.shape[1:])


def fields_of(spec: DataSpec) -> tuple[str, ...]:
    """Return what a model reads of sequences."""
    return ("x", *(name for name in READ if name in spec.fields))


def input_size(spec: DataSpec) -> int:
    """Return I: the values of a step, and if some may be missing which they are."""
    return prod(spec.shape[1:]) * (2 if "mask" in spec.fields else 1)


def check_real(posterior: Head) -> None:
    """Refuse the posterior of a step whose latents are no vectors of real numbers.

    Raises:
        ValueError: Naming it.
    """
    if not same_support(posterior.support, constraints.real) or len(posterior.event_shape) != 1:
        raise ValueError(
            f"a chain of latents has vectors of real numbers; posterior {type(posterior).__name__} "
            "has others: use posterior=normal, or a flow such as posterior=iaf"
        )
