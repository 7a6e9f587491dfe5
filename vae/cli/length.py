"""How long a run is, where its settings leave that open: by the size of the training part."""

__all__ = ["OPEN", "describe_length", "settle_length", "train_batches"]

from collections.abc import Iterator, Mapping
from typing import Any

from vae.data import DataModule
from vae.data.amounts import suited_epochs, suited_interval
from vae.nested import lookup
from vae.training.total_steps import is_count, limited

OPEN = ("data.batch_size", "trainer.max_epochs", "trainer.check_val_every_n_epoch")


def settle_length(
    settings: Mapping[str, Any], recorded: Mapping[str, Any], data: DataModule, world_size: int
) -> dict[str, Any]:
    """Return the settings with a number for each of `OPEN` that is ``null``; loads the data.

    Only where `trainer.val_check_interval` counts batches through all epochs, there is none of
    epochs between two validations.

    Args:
        settings: Of the run; the numbers they give stay.
        recorded: Of the run that is resumed, whose numbers hold on; empty for a new one.
        data: Given its batch size.
        world_size: How many processes train.

    Raises:
        ValueError: If there are fewer examples than one batch of each process takes.
    """
    trainer, accumulate = settings["trainer"], settings["accumulate"]
    given = {name: lookup(settings, name) for name in OPEN}
    batch, epochs, interval = (
        lookup(recorded, name, None) if value is None else value for name, value in given.items()
    )
    data.batch_size = batch
    data.batch_size = batch = data.batch_size_for(world_size)
    steps = max(1, train_batches(settings, data, world_size) // accumulate)
    limit = trainer["max_steps"]
    if epochs is None and limit > 0:  # the steps alone end the run
        epochs, interval = -1, interval or suited_interval(-(-limit // steps))
    elif epochs is None:
        # A limit on an epoch shortens the run; batches to overfit are to be overfitted.
        whole = max(1, data.count_batches(world_size) // accumulate)
        counted = steps if trainer["overfit_batches"] else whole
        epochs, interval = suited_epochs(counted, data.min_steps, interval)
    through = is_count(trainer["val_check_interval"]) and trainer["check_val_every_n_epoch"] is None
    length = {"max_epochs": epochs, "check_val_every_n_epoch": None if through else interval or 1}
    return {
        **settings,
        "data": {**settings["data"], "batch_size": batch},
        "trainer": {**trainer, **length},
    }


def train_batches(settings: Mapping[str, Any], data: DataModule, world_size: int) -> int:
    """Return how many batches each process trains on in an epoch; loads the data."""
    return limited(data.count_batches(world_size), settings["trainer"]["limit_train_batches"])


def describe_length(
    settings: Mapping[str, Any], data: DataModule, world_size: int, chosen: bool
) -> str:
    """Say in one line how long a run is, and why if its epochs were `chosen` for it."""
    trainer, limit = settings["trainer"], settings["trainer"]["max_steps"]
    epochs = trainer["max_epochs"]
    batches, whole = train_batches(settings, data, world_size), data.count_batches(world_size)
    parts = [f"{data.num_train:,} examples: batch {settings['data']['batch_size']}"]
    if batches < whole:
        parts.append(f"{batches:,} of the {whole:,} batches of an epoch")
    ends = [limit] if limit > 0 else []
    if epochs > 0:
        parts.append(f"{epochs:,} epoch{'s' * (epochs > 1)}")
        ends.append(batches // settings["accumulate"] * epochs)
    if ends:
        parts.append(f"{min(ends):,} step{'s' * (min(ends) > 1)}")
    if trainer["max_time"] is not None:
        parts.append(f"at most {spoken(trainer['max_time'])}")
    parts += validations(trainer)
    shortened = batches < whole and not trainer["overfit_batches"]
    why = f" (trainer.max_epochs=null: at least {data.min_steps:,})"
    return ", ".join(parts) + why * (chosen and epochs > 0 and not shortened)


def validations(trainer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is to be said of when a run is validated, unless it is after each epoch."""
    within, every = trainer["val_check_interval"], trainer["check_val_every_n_epoch"]
    if trainer["limit_val_batches"] == 0:
        yield "no validation"
        return
    if is_count(within):
        yield f"validation every {within:,} batch{'es' * (within > 1)}"
    elif not isinstance(within, float):
        yield f"validation every {spoken(within)}"
    elif within < 1:
        yield f"validation every {within:g} of an epoch"
    if (every or 1) > 1:
        yield f"validation every {every} epochs" if within == 1.0 else f"in one epoch of {every}"


def spoken(time: Any) -> str:
    """Return a duration as it was given: DD:HH:MM:SS, or numbers by unit.

    Example:
        >>> spoken("00:01:30:00"), spoken({"hours": 1, "minutes": 30})
        ('00:01:30:00', '1 hours 30 minutes')
    """
    if isinstance(time, Mapping):
        return " ".join(f"{number:g} {unit}" for unit, number in time.items())
    return str(time)
