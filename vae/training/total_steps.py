"""How many optimizer steps a run takes."""

__all__ = ["check_length", "is_count", "limited", "total_steps"]

from typing import Any

import lightning.pytorch as pl
from lightning.fabric.utilities.data import sized_len

from vae.data import TrainBatches
from vae.training.lightning_loading import train_loader


def total_steps(trainer: pl.Trainer, accumulate: int) -> int | None:
    """Return the optimizer steps of a whole run, or ``None`` if it has no end.

    Args:
        trainer: With its data.
        accumulate: Batches per optimizer step, at least 1.
    """
    epochs, limit = trainer.max_epochs or -1, trainer.max_steps
    if epochs < 0:
        return None if limit < 0 else limit
    each = steps_per_epoch(trainer, accumulate)
    if each is None:
        return None if limit < 0 else limit
    return each * epochs if limit < 0 else min(each * epochs, limit)


def steps_per_epoch(trainer: pl.Trainer, accumulate: int) -> int | None:
    """Return the optimizer steps of an epoch, if its length is known; see `total_steps`."""
    loader, limit = train_loader(trainer), trainer.limit_train_batches
    length = sized_len(loader)
    if length is None:
        return int(limit) // accumulate if is_count(limit) else None
    batches = limited(length, limit)
    if isinstance(loader, TrainBatches):
        batches = min(loader.num_batches, batches * loader.group_size)
    return batches // accumulate


def is_count(value: Any) -> bool:
    """Say whether a limit is a number of batches: 1 is one batch, 1.0 all of them."""
    return isinstance(value, int) and not isinstance(value, bool)


def limited(count: int, limit: int | float | None) -> int:
    """Return how many of some batches a limit leaves: a number, or a fraction, rounded down.

    Example:
        >>> limited(7, None), limited(7, 3), limited(7, 10), limited(7, 0.5), limited(7, 1.0)
        (7, 3, 7, 3, 7)
    """
    if limit is None:
        return count
    return min(count, int(limit)) if is_count(limit) else int(count * limit)


def check_length(trainer: pl.Trainer, accumulate: int) -> None:
    """Refuse a run whose epochs have too few batches for one optimizer step."""
    if steps_per_epoch(trainer, accumulate) == 0:
        raise ValueError(f"accumulate={accumulate} is more than the batches of an epoch: use fewer")
