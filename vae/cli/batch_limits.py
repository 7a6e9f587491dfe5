"""What Lightning counts in batches, which here are handed to it in groups unless it has to."""

__all__ = ["one_by_one", "settle_batches"]

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl

from vae.instantiate import resolve
from vae.training.total_steps import is_count

OURS = "vae."
HOOKS = ("on_train_batch_start", "on_train_batch_end")


def settle_batches(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings with what follows from those of Lightning's Trainer that count batches.

    `overfit_batches` limits training and validation, ``fast_dev_run`` is a run of one epoch, and
    where batches are counted they come one by one.

    Returns:
        The settings, and what is to be said if the groups are of one batch and were not.
    """
    trainer = dict(settings["trainer"])
    if trainer["fast_dev_run"]:
        steps = int(trainer["fast_dev_run"])
        trainer |= {"max_epochs": 1, "check_val_every_n_epoch": 1, "max_steps": steps}
        trainer |= {"fast_dev_run": steps * settings["accumulate"], "val_check_interval": 1.0}
        trainer |= dict.fromkeys(("limit_train_batches", "limit_val_batches"), steps)
        trainer["limit_train_batches"] *= settings["accumulate"]
    if trainer["overfit_batches"]:
        limits = ("limit_train_batches", "limit_val_batches")
        trainer |= dict.fromkeys(limits, trainer["overfit_batches"])
    settled = {**settings, "trainer": trainer}
    reason = one_by_one(settings)
    if reason is None or settings["group_size"] == 1:
        return settled, {}
    told = {"batches": f"one by one, not in groups, since {reason} counts them"}
    return {**settled, "group_size": 1, "data": {**settings["data"], "group_size": 1}}, told


def one_by_one(settings: Mapping[str, Any]) -> str | None:
    """Return the name of a setting that needs Lightning to see each batch, if there is one."""
    trainer = settings["trainer"]
    counting = {
        "fast_dev_run": trainer["fast_dev_run"],
        "overfit_batches": trainer["overfit_batches"],
        "limit_train_batches": trainer["limit_train_batches"] not in (None, 1.0)
        or is_count(trainer["limit_train_batches"]),
        "val_check_interval": is_count(trainer["val_check_interval"])
        or (isinstance(trainer["val_check_interval"], float) and trainer["val_check_interval"] < 1),
    }
    found = [f"trainer.{name}" for name, counts in counting.items() if counts]
    for name, node in (settings.get("callbacks") or {}).items():
        if sees_batches(resolve(node["_target_"], "callbacks")):
            found.append(f"callbacks.{name}")
    return next(iter(found), None)


def sees_batches(kind: type[Any]) -> bool:
    """Say whether a callback that is not ours does something at each batch."""
    if kind.__module__.startswith(OURS):
        return False
    return any(getattr(kind, hook) is not getattr(pl.Callback, hook) for hook in HOOKS)
