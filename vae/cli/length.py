"""How long a run is, where its settings leave that open: by the size of the training part."""

__all__ = ["OPEN", "describe_length", "settle_length"]

from collections.abc import Mapping
from typing import Any

from vae.data import DataModule
from vae.data.amounts import suited_epochs, suited_interval
from vae.nested import lookup

OPEN = ("data.batch_size", "trainer.max_epochs", "trainer.check_val_every_n_epoch")


def settle_length(
    settings: Mapping[str, Any], recorded: Mapping[str, Any], data: DataModule, world_size: int
) -> dict[str, Any]:
    """Return the settings with a number for each of `OPEN` that is ``null``; loads the data.

    Args:
        settings: Of the run; the numbers they give stay.
        recorded: Of the run that is resumed, whose numbers hold on; empty for a new one.
        data: Given its batch size.
        world_size: How many processes train.

    Raises:
        ValueError: If there are fewer examples than one batch of each process takes.
    """
    given = {name: lookup(settings, name) for name in OPEN}
    batch, epochs, interval = (
        lookup(recorded, name, None) if value is None else value for name, value in given.items()
    )
    data.batch_size = batch
    data.batch_size = batch = data.batch_size_for(world_size)
    steps = max(1, data.count_batches(world_size) // settings["accumulate"])
    limit = settings["trainer"]["max_steps"]
    if epochs is None and limit > 0:  # the steps alone end the run
        epochs, interval = -1, interval or suited_interval(-(-limit // steps))
    elif epochs is None:
        epochs, interval = suited_epochs(steps, data.min_steps, interval)
    length = {"max_epochs": epochs, "check_val_every_n_epoch": interval or 1}
    return {
        **settings,
        "data": {**settings["data"], "batch_size": batch},
        "trainer": {**settings["trainer"], **length},
    }


def describe_length(
    settings: Mapping[str, Any], data: DataModule, world_size: int, chosen: bool
) -> str:
    """Say in one line how long a run is, and why if its epochs were `chosen` for it."""
    batch, epochs, interval = (lookup(settings, name) for name in OPEN)
    limit = settings["trainer"]["max_steps"]
    parts = [f"{data.num_train:,} examples: batch {batch}"]
    ends = [limit] if limit > 0 else []
    if epochs > 0:
        parts.append(f"{epochs:,} epoch{'s' * (epochs > 1)}")
        ends.append(data.count_batches(world_size) // settings["accumulate"] * epochs)
    if ends:
        parts.append(f"{min(ends):,} step{'s' * (min(ends) > 1)}")
    if interval > 1:
        parts.append(f"validation every {interval} epochs")
    why = f" (trainer.max_epochs=null: at least {data.min_steps:,})"
    return ", ".join(parts) + why * (chosen and epochs > 0)
