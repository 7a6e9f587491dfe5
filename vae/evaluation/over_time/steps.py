"""The steps of sequences: which are known, what comes before a time, and simple guesses."""

__all__ = ["cut", "interpolated", "known_of", "last_of", "sequences_of"]

import torch
from torch import Tensor

from vae.batch import Batch, known_values, of_steps, within
from vae.evaluation.evaluation import NO_SEQUENCES
from vae.evaluation.section import NotApplicable
from vae.evaluation.subject import Subject


def sequences_of(subject: Subject, n: int, *, least: int = 1) -> dict[str, Tensor]:
    """Return all that is known of the first ``n`` sequences of at least so many steps.

    Raises:
        NotApplicable: If the model or the data are none of sequences, or all are shorter.
    """
    if not subject.model.is_sequential:
        raise NotApplicable(NO_SEQUENCES)
    batch = subject.examples(n)
    if "length" not in batch:
        raise NotApplicable(
            f"no field length of {subject.spec.name} says how long each sequence is"
        )
    long = batch["length"] >= least
    if not long.any():
        raise NotApplicable(f"no sequence of {subject.spec.name} has {least} steps")
    return {name: value[long] for name, value in batch.items()}


def known_of(batch: Batch) -> Tensor:
    """Return which values of x are known, bool ``(B, T, *event)``."""
    x = batch["x"]
    known = known_values(x, batch.get("length"), batch.get("mask"))
    return torch.ones_like(x, dtype=torch.bool) if known is None else known.expand(x.shape)


def cut(batch: Batch, length: Tensor) -> dict[str, Tensor]:
    """Return a batch of the first steps alone: of x and mask nothing else is left.

    Other fields stay as they are: an action or a time may be known beforehand.

    Args:
        batch: With ``x`` ``(B, T, *event)`` and ``length``.
        length: How many steps of each, ``(B,)``.
    """
    width = int(length.max())
    inside = within(length, width)
    found = {**batch, "length": length}
    for name in ("x", "mask"):
        if name in batch:
            value = batch[name][:, :width]
            found[name] = torch.where(of_steps(inside, value), value, torch.zeros_like(value))
    return found


def last_of(x: Tensor, known: Tensor) -> Tensor:
    """Return at each step the last value that was known there or before, ``(B, T, *event)``.

    Before the first of a sequence it is the mean of all that is known.
    """
    steps = torch.arange(x.shape[1], device=x.device)
    place = torch.where(known, of_steps(steps[None], x), -1).cummax(1).values
    mean = torch.where(known, x, 0.0).sum((0, 1)) / known.sum((0, 1)).clamp(min=1)
    return torch.where(place < 0, mean, x.gather(1, place.clamp(min=0)))


def interpolated(x: Tensor, known: Tensor) -> Tensor:
    """Return x with straight lines between what is known, and the nearest value beyond it."""
    steps = of_steps(torch.arange(x.shape[1], device=x.device)[None], x).expand(x.shape)
    before = torch.where(known, steps, -1).cummax(1).values
    last = x.shape[1]
    after = torch.where(known, steps, last).flip(1).cummin(1).values.flip(1)
    left, right = last_of(x, known), last_of(x.flip(1), known.flip(1)).flip(1)
    share = (steps - before) / (after - before).clamp(min=1)
    between = torch.lerp(left, right, share.to(x.dtype))
    return torch.where(before < 0, right, torch.where(after == last, left, between))
