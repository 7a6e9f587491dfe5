"""Numbers of batches that do not fit the data, refused before training begins."""

__all__ = ["check_batches"]

from collections.abc import Mapping
from typing import Any

from vae.cli.length import train_batches
from vae.data import DataModule
from vae.training.total_steps import is_count, limited


def check_batches(settings: Mapping[str, Any], data: DataModule, world_size: int) -> None:
    """Refuse data that do not make one optimizer step, or steps without a validation; reads data.

    Raises:
        ValueError: Naming the number of examples, of batches or of steps.
    """
    accumulate, trainer = settings["accumulate"], settings["trainer"]
    batches = train_batches(settings, data, world_size)
    if batches == 0:
        raise ValueError(
            f"trainer.limit_train_batches={trainer['limit_train_batches']} leaves none of the "
            f"{data.count_batches(world_size)} batches of an epoch: use a larger one"
        )
    if accumulate > batches:
        raise ValueError(
            f"accumulate={accumulate} is more than the {batches} batches of an epoch: use fewer"
        )
    if trainer["limit_val_batches"] == 0:
        return
    some = len(data.batches("val"))
    if limited(some, trainer["limit_val_batches"]) == 0:
        name = "overfit_batches" if trainer["overfit_batches"] else "limit_val_batches"
        raise ValueError(
            f"trainer.{name}={trainer[name]} leaves none of the {some} batches of a validation: "
            "use a number of batches"
        )
    within = trainer["val_check_interval"]
    if isinstance(within, float) or is_count(within):
        check_interval(trainer, batches, accumulate)


def check_interval(trainer: Mapping[str, Any], batches: int, accumulate: int) -> None:
    """Refuse validations in the midst of an optimizer step, and a run that ends before the first.

    Args:
        trainer: Its settings, their open numbers settled.
        batches: Of an epoch.
        accumulate: Batches per optimizer step.
    """
    within, every = trainer["val_check_interval"], trainer["check_val_every_n_epoch"]
    interval = within if is_count(within) else max(1, limited(batches, within))
    if every is not None and interval > batches:
        raise ValueError(
            f"trainer.val_check_interval={interval} is more than the {batches} batches of an "
            "epoch: count through all epochs with trainer.check_val_every_n_epoch=null"
        )
    uneven = interval % accumulate or (every is None and batches % accumulate)
    if interval != batches and uneven:
        raise ValueError(
            f"a validation every {interval} batches, in epochs of {batches}, would come in the "
            f"midst of a step of accumulate={accumulate} batches: let trainer.val_check_interval "
            + ("and the epoch " if every is None else "")
            + "be multiples of it"
        )
    epochs, steps = trainer["max_epochs"], trainer["max_steps"]
    if every is None and 0 < epochs * batches < interval:  # the last of max_steps is validated
        raise ValueError(
            f"trainer.val_check_interval={interval} is more than the {epochs * batches} batches "
            "of the run: nothing would be validated, and no best weights kept"
        )
    unseen = ((every or 1) - 1) * (batches // accumulate)
    if 0 < steps <= unseen:
        raise ValueError(
            f"trainer.max_steps={steps} ends the run before the first epoch with a "
            f"validation, which follows step {unseen}: lower trainer.check_val_every_n_epoch"
        )
