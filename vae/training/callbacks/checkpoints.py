"""Checkpoints of the best and the last state, also when time passes or a signal comes."""

__all__ = ["Checkpoints"]

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from vae.files import check_folder, remove_leftovers
from vae.interruption import Interrupted, Signals
from vae.saved import read_checkpoint
from vae.training.lightning_adapter import (
    AdaptedModule,
    Saving,
    is_last_group,
    is_stopping,
    validation_is_due,
)
from vae.training.storage import LAST

BEST = "best.ckpt"
COPIES = 4  # best, last, the one before and the one being written


class Checkpoints(Saving):
    """Keeps ``best.ckpt`` by the monitored figure, ``last.ckpt`` and the one before it.

    The last state is saved after each validation, every `minutes`, at the end of the run, and when
    SIGHUP, SIGINT, SIGTERM or SIGUSR1 comes: always between two optimizer steps, on all processes
    at the same one. A signal then ends the run; under Slurm SIGUSR1 puts the job back into the
    queue as well.

    Args:
        folder: Where the checkpoints go.
        monitor: The figure that picks the best, the higher the better; after a minus sign, the
            lower the better.
        minutes: Time between two saves within an epoch, above 0; ``None`` for no such saves.
        setting: What chooses the folder, for messages.

    Raises:
        ValueError: If `minutes` is not positive.
    """

    def __init__(
        self,
        folder: str,
        *,
        monitor: str,
        minutes: float | None = 10,
        setting: str = "hydra.run.dir=...",
    ) -> None:
        if minutes is not None and not minutes > 0:
            raise ValueError(f"minutes must be above 0 or null; got {minutes}")
        super().__init__(
            folder,
            filename=BEST.removesuffix(".ckpt"),
            monitor=monitor.removeprefix("-"),
            mode="min" if monitor.startswith("-") else "max",
            save_last=True,
            enable_version_counter=False,
        )
        self.minutes = minutes
        self.setting = setting
        self.signals = Signals()
        self.saved_at = 0.0
        self.saved_step = -1

    @property
    def state_key(self) -> str:
        """The name of its state in a checkpoint, which does not depend on the settings."""
        return "Checkpoints"

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best so far, as the file in this folder tells it.

        The checkpoint at hand may be older than that file, and names the places where both were
        when it was written, perhaps on another machine. Without a best, or if another figure
        picked it, the next validation is the best.
        """
        path = Path(str(self.dirpath)) / BEST
        best = state_of_best(path)
        if best is not None and best["monitor"] == self.monitor:
            score, place = best["best_model_score"], str(path)
            super().load_state_dict(
                {
                    "dirpath": self.dirpath,
                    "best_model_score": score,
                    "best_model_path": place,
                    "best_k_models": {place: score},
                    "kth_best_model_path": place,
                    "kth_value": score,
                }
            )

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Try the folder and clear it of what a killed run left, and note signals from now on.

        Before this the run may still be refused. Lightning would end at a signal without a
        checkpoint.
        """
        if trainer.is_global_zero:
            folder, weights = Path(str(self.dirpath)), pl_module.parameters()
            # Each weight with its two moments, of which Adam and its kind keep two.
            size = COPIES * 3 * sum(p.numel() * p.element_size() for p in weights)
            check_folder(folder, size, self.setting)
            remove_leftovers(folder)
        self.signals.install()
        self.saved_at = time.monotonic()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the last state, and leave signals to whom they were left before."""
        self.save_last_state(trainer)
        self.signals.restore()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave signals to whom they were left before, and the checkpoints as they are."""
        self.signals.restore()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save if it is time, and end if a signal came; if a validation is due, after it."""
        assert isinstance(pl_module, AdaptedModule)
        due = is_last_group(trainer) or validation_is_due(trainer)
        if not pl_module.between_steps or (due and not pl_module.group_is_cut):
            return
        overdue = self.minutes is not None and time.monotonic() - self.saved_at > 60 * self.minutes
        overdue |= is_stopping(trainer)
        number, overdue = agreed(trainer, self.signals.received, overdue)
        if number or overdue:
            self.save_last_state(trainer)
        if number:
            self.end(trainer, number)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the state, the best or not, and end if a signal came in mid-epoch."""
        super().on_validation_end(trainer, pl_module)
        if trainer.sanity_checking or is_last_group(trainer) or not validation_is_due(trainer):
            return
        number, _ = agreed(trainer, self.signals.received, False)
        self.save_last_state(trainer)
        if number:
            self.end(trainer, number)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the epoch's state, the best or not, and end if a signal came."""
        super().on_train_epoch_end(trainer, pl_module)
        number, _ = agreed(trainer, self.signals.received, False)
        validated = (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        if number or validated:
            self.save_last_state(trainer)
        if number:
            self.end(trainer, number)

    def may_save_last(self, trainer: pl.Trainer) -> bool:
        """Say whether the last state was not saved at this very step.

        What was saved between two groups is gone on from exactly, and what Lightning saves at the
        end of an epoch only if the epoch is whole.
        """
        tried: Any = trainer  # Lightning sets it outside of the class
        return self.saved_step != trainer.global_step and not tried.fast_dev_run

    def before_save(self, trainer: pl.Trainer) -> None:
        """Refuse to write into a folder that is gone."""
        if not Path(str(self.dirpath)).is_dir():
            raise OSError(f"{self.dirpath} is gone: it was removed or moved during the run")

    def after_save(self, trainer: pl.Trainer, path: Path) -> None:
        """Note when and at which step the last state was saved."""
        if path.name == LAST:
            self.saved_at, self.saved_step = time.monotonic(), trainer.global_step

    def end(self, trainer: pl.Trainer, number: int) -> None:
        """End the run for a signal.

        Raises:
            Interrupted: Always.
        """
        if number == signal.SIGUSR1 and trainer.is_global_zero and "SLURM_JOB_ID" in os.environ:
            requeue()
        folder, name = Path(str(self.dirpath)).parent, signal.Signals(number).name
        raise Interrupted(number, f"{name}: saved at step {trainer.global_step} in {folder}")


def state_of_best(path: Path) -> dict[str, Any] | None:
    """Return what the best checkpoint says of the figure that picked it, if it is there and whole.

    It was written when it had become the best: its state counts itself.
    """
    try:
        checkpoint = read_checkpoint(path)
    except (FileNotFoundError, ValueError):
        return None
    state: dict[str, Any] | None = checkpoint.get("callbacks", {}).get("Checkpoints")
    return state


def agreed(trainer: pl.Trainer, number: int, overdue: bool) -> tuple[int, bool]:
    """Return what any process wants, so that all do the same at the same step."""
    if trainer.world_size == 1:
        return number, overdue
    wanted = torch.tensor([number, overdue], device=trainer.strategy.root_device)
    number, overdue = trainer.strategy.reduce(wanted, reduce_op="max").tolist()
    return number, bool(overdue)


def requeue() -> None:
    """Ask Slurm to start this job again.

    Raises:
        OSError: If Slurm cannot be asked or refuses.
    """
    job = os.environ["SLURM_JOB_ID"]
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        job = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    call = ["scontrol", "requeue", job]
    done = subprocess.run(call, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise OSError(f"the state is saved, but {' '.join(call)} failed: {done.stderr.strip()}")
