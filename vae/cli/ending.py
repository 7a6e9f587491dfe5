"""What ended a run, what is left of it on the disk, and the command that goes on from there."""

__all__ = ["further", "kept", "stopped"]

import shlex
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, Timer

from vae.cli.overrides import hydra_quoted
from vae.cli.places import CHECKPOINTS
from vae.cli.typed_words import command_line
from vae.files import check_whole
from vae.instantiate import resolve
from vae.training.lightning_adapter import epochs_done
from vae.training.storage import newest


def further(trainer: pl.Trainer, callbacks: Mapping[str, Any]) -> list[str]:
    """Return the settings under which a run goes on for as long again: those that ended it.

    Args:
        trainer: After the run.
        callbacks: Their settings, by name.
    """
    epochs, steps = trainer.max_epochs or -1, trainer.max_steps
    done = epochs_done(trainer)
    settings = []
    if 0 < epochs <= done:
        settings.append(f"trainer.max_epochs={2 * done}")
    if 0 < steps <= trainer.global_step:
        settings.append(f"trainer.max_steps={2 * trainer.global_step}")
    kinds = {name: resolve(node["_target_"], "callbacks") for name, node in callbacks.items()}
    names = [name for name, kind in kinds.items() if issubclass(kind, EarlyStopping)]
    for name, callback in zip(names, trainer.early_stopping_callbacks, strict=True):
        if has_ended(callback):
            settings.append(f"callbacks.{name}.patience={2 * callback.patience}")
    named = [f"callbacks.{name}.duration" for name, kind in kinds.items() if kind is Timer]
    for name, timer in zip(named or ["trainer.max_time"], timers(trainer), strict=False):
        if is_over(timer):
            settings.append(f"{name}={in_days(2 * timer.time_elapsed())}")
    return settings


def timers(trainer: pl.Trainer) -> list[Timer]:
    """Return what may end a run after some time."""
    return [c for c in trainer.callbacks if isinstance(c, Timer)]  # type: ignore[attr-defined]


def is_over(timer: Timer) -> bool:
    """Say whether the time of a run is over."""
    left = timer.time_remaining()
    return left is not None and left <= 0


def in_days(seconds: float) -> str:
    """Write a duration as Lightning reads it.

    Example:
        >>> in_days(93784.2)
        '01:02:03:05'
    """
    minutes, seconds = divmod(ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return ":".join(f"{number:02d}" for number in (*divmod(hours, 24), minutes, seconds))


def has_ended(callback: EarlyStopping) -> bool:
    """Say whether a callback ended the run for want of a better figure."""
    return bool(callback.wait_count >= callback.patience)


def stopped(trainer: pl.Trainer) -> str:
    """Say why a run ended before its time, if it did."""
    for callback in trainer.early_stopping_callbacks:
        if has_ended(callback):
            return (
                f"; ended early in epoch {trainer.current_epoch}: no better {callback.monitor} in "
                f"{callback.wait_count} validations"
            )
    if any(map(is_over, timers(trainer))):
        return f"; ended in epoch {trainer.current_epoch + 1}: its time is over"
    return ""


def kept(folder: Path, settings: Sequence[str] = ()) -> str:
    """Say what a run that was ended before its time has left, and the command that goes on.

    Args:
        folder: Of the run.
        settings: Under which it goes on.
    """
    for path in newest(folder / CHECKPOINTS):
        try:
            check_whole(path)
        except ValueError:
            continue
        resume = [*command_line("train"), f"resume={hydra_quoted(folder)}", *settings]
        return f"go on from {path.name}: {shlex.join(resume)}"
    return "no checkpoint was saved before"
