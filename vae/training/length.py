"""How many optimizer steps a run takes."""

__all__ = ["check_length", "total_steps"]

import lightning.pytorch as pl


def total_steps(trainer: pl.Trainer, accumulate: int) -> int | None:
    """Return the optimizer steps of a whole run, or ``None`` if it has no end.

    Args:
        trainer: With its data.
        accumulate: Batches per optimizer step, at least 1.
    """
    epochs, limit = trainer.max_epochs or -1, trainer.max_steps
    if epochs < 0:
        return None if limit < 0 else limit
    steps = steps_per_epoch(trainer, accumulate) * epochs
    return steps if limit < 0 else min(steps, limit)


def steps_per_epoch(trainer: pl.Trainer, accumulate: int) -> int:
    """Return the optimizer steps of an epoch; see `total_steps`."""
    # Not the Trainer's loader: setting that up here would lose its state in a resume.
    loader = trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
    limit = trainer.limit_train_batches
    groups = limit if isinstance(limit, int) else int(len(loader) * limit)
    batches = min(loader.num_batches, groups * loader.group_size)
    return int(batches) // accumulate


def check_length(trainer: pl.Trainer, accumulate: int) -> None:
    """Refuse a run whose epochs have too few batches for one optimizer step."""
    if steps_per_epoch(trainer, accumulate) == 0:
        raise ValueError(f"accumulate={accumulate} is more than the batches of an epoch: use fewer")
