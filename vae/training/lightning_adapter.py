"""What is asked of Lightning besides its public interface, as it was read in version 2.6.

No other file but `lightning_loading` names a private member of Lightning or rests on how its loops
count and what they save: where Lightning changes, these files do.
"""

__all__ = [
    "AdaptedModule",
    "Averaging",
    "Saving",
    "StepCount",
    "epochs_done",
    "is_last_group",
    "is_stopping",
    "processes_of",
    "recount_batches",
    "share_over_all",
    "take_processes",
    "validation_is_due",
]

from abc import abstractmethod
from math import isinf
from pathlib import Path
from subprocess import Popen
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.strategies import ModelParallelStrategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from vae.data import TrainBatches
from vae.models import Model
from vae.nested import lookup
from vae.objectives import Objective
from vae.training.guard import Guard
from vae.training.meter import Meter
from vae.training.user_data import UserData

set_plainly = object.__setattr__  # for what is neither parameter, buffer nor module


class AdaptedModule(pl.LightningModule):
    """A `LightningModule` that costs less per step, and what callbacks may ask of it.

    Attributes:
        model: What is trained.
        objective: On what.
        seed: Key of all noise.
        user_data: What is known of the Trainer's data.
        train_meter: Running means of the training figures.
        guard: Counts the steps that are skipped.
        latest: The training figures that were logged last, measured at step `latest_step`.
        gradient_norm: Of the last step that is logged.
        logging_due: Whether there is something to log.
        examples_seen: Training examples so far.
        between_steps: Whether no gradient waits for the batches that belong to it.
        group_is_cut: Whether the last group of batches was left before its end.
    """

    model: Model
    objective: Objective
    seed: int
    user_data: UserData
    train_meter: Meter
    guard: Guard
    latest: dict[str, float]
    latest_step: int
    gradient_norm: float | Tensor
    logging_due: bool
    group_is_cut: bool

    def __init__(self) -> None:
        super().__init__()
        self.examples_seen = 0
        self.between_steps = True

    def __setattr__(self, name: str, value: Any) -> None:
        # Set in every step, Lightning's one twice for each of some thirty hooks; the detour through
        # `nn.Module.__setattr__` is longer than the hooks.
        if name in ("_current_fx_name", "examples_seen"):
            set_plainly(self, name, value)
        else:
            super().__setattr__(name, value)

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """What is read of a batch."""

    @property
    @abstractmethod
    def total_steps(self) -> int | None:
        """Optimizer steps of the whole run, or ``None`` if it has no end."""

    @property
    def is_attached(self) -> bool:
        """Whether a Trainer holds the module; Lightning's own `trainer` raises where none does."""
        return self._trainer is not None

    def on_validation_model_zero_grad(self) -> None:
        """Keep the gradients of an accumulation that a validation interrupts in mid-epoch.

        Those of an epoch that is over are forgotten now: after a validation, sharded parameters
        may be whole ones, which do not have them.
        """
        if self.between_steps or is_last_group(self.trainer):
            super().on_validation_model_zero_grad()

    def end_epochs_whole(self) -> None:
        """Let an epoch that is whole be over, also where `max_steps` ends the run.

        Lightning would go on with it in a resumed run, and count it twice: the noise of the next
        one would be another.
        """
        self.trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]


class StepCount:
    """The number of optimizer steps, which is ``trainer.global_step``.

    Lightning counts around the calls of the optimizers that it wraps, of all of them. Here the
    optimizers are called themselves, and a step of several counts as one.

    Args:
        trainer: In training.
    """

    def __init__(self, trainer: pl.Trainer) -> None:
        self.progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress

    def increase(self) -> None:
        """Count a step."""
        self.progress.increment_ready()
        self.progress.increment_completed()


class Averaging(WeightAveraging):
    """Averages of the weights, taken by whoever takes the steps.

    Lightning takes one after each of its batches, which here are groups of steps.
    """

    @property
    def average(self) -> AveragedModel:
        """The averages, a copy of the module with weights of its own; there while it is trained."""
        assert self._average_model is not None
        return self._average_model

    def on_train_batch_end(self, *arguments: Any) -> None:
        """Do nothing: each step of the group was averaged."""

    def count_update(self, step: int) -> None:
        """Let checkpoints say that the step of this number, from 1, was averaged."""
        self._latest_update_step = step


class Saving(ModelCheckpoint):
    """Checkpoints of the best and of the last state, the latter also saved when asked for."""

    @abstractmethod
    def may_save_last(self, trainer: pl.Trainer) -> bool:
        """Say whether the last state is to be saved now, when Lightning would or `save_last`."""

    @abstractmethod
    def before_save(self, trainer: pl.Trainer) -> None:
        """Look whether a checkpoint can be written now."""

    @abstractmethod
    def after_save(self, trainer: pl.Trainer, path: Path) -> None:
        """Note that a checkpoint was written."""

    def save_last_state(self, trainer: pl.Trainer) -> None:
        """Save the last state; a validation at this very step may still find it the best."""
        before = self._last_global_step_saved
        self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))
        self._last_global_step_saved = before

    def _save_last_checkpoint(
        self, trainer: pl.Trainer, monitor_candidates: dict[str, Tensor]
    ) -> None:
        if self.may_save_last(trainer):
            super()._save_last_checkpoint(trainer, monitor_candidates)

    def _save_topk_checkpoint(
        self, trainer: pl.Trainer, monitor_candidates: dict[str, Tensor]
    ) -> None:
        if self.monitor in monitor_candidates:  # not before the first validation
            super()._save_topk_checkpoint(trainer, monitor_candidates)

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        self.before_save(trainer)
        super()._save_checkpoint(trainer, filepath)
        self.after_save(trainer, Path(filepath))


def is_last_group(trainer: pl.Trainer) -> bool:
    """Say whether the group of batches at hand is the last one of its epoch."""
    return trainer.fit_loop.epoch_loop.batch_progress.is_last_batch


def is_stopping(trainer: pl.Trainer) -> bool:
    """Say whether training ends after the group at hand: by its steps, its time or a callback."""
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def validation_is_due(trainer: pl.Trainer) -> bool:
    """Say whether the number of the batch at hand is one that a validation follows.

    Lightning resumes what was saved before such a validation without it.
    """
    loop, every = trainer.fit_loop.epoch_loop, trainer.val_check_batch
    if every is None or isinf(every) or not loop._should_check_val_epoch():
        return False
    over_epochs = trainer.check_val_every_n_epoch is None
    number = loop.total_batch_idx if over_epochs else loop.batch_idx
    return (number + 1) % every == 0


def share_over_all(strategy: ModelParallelStrategy) -> None:
    """Let every process hold a part of the weights, on whatever machine it is.

    Lightning's default are the processes of one machine.
    """
    strategy._data_parallel_size = strategy.num_nodes * strategy.num_processes


def recount_batches(checkpoint: dict[str, Any], loader: TrainBatches | None) -> None:
    """Count what is done of an epoch by the batches that were trained on.

    Lightning counts a group as done in which the last step of a run came before its last batch, and
    a resumed run of groups of another size would count those of before among its own. Either would
    leave out batches at the end of the epoch. Of a loader whose length is unknown it reads one more
    batch than it trains on, to know which is the last.

    Args:
        checkpoint: Lightning's, whose state of the loop over epochs is changed.
        loader: Of the run that goes on; ``None`` if it is a user's own.
    """
    loop = checkpoint["loops"]["fit_loop"]
    progress, states = loop["epoch_loop.batch_progress"], loop["state_dict"].get("combined_loader")
    total, current = progress["total"], progress["current"]
    if states and loader is None:
        states[0]["position"] = min(states[0]["position"], current["ready"])
        return
    # Saved while a group was at its end: at an epoch's end the epoch counts, not its groups.
    if loader is None or not states or current["completed"] == current["ready"]:
        return
    position = states[0]["position"]
    if position >= loader.num_batches:
        return
    surplus = current["ready"] - position // loader.group_size
    for counts in (total, current):
        for name in counts:
            counts[name] -= surplus
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= surplus
    progress["is_last_batch"] = False


def processes_of(checkpoint: dict[str, Any]) -> int | None:
    """Return how many processes a checkpoint was trained by; ``None`` if it does not say."""
    loaders = lookup(checkpoint, "loops.fit_loop.state_dict.combined_loader", None)
    return loaders[0]["world_size"] if loaders else None


def epochs_done(trainer: pl.Trainer) -> int:
    """Return how many epochs are over."""
    done: Any = trainer.fit_loop.epoch_progress.current
    count: int = done.processed
    return count


def take_processes(trainer: pl.Trainer) -> list[Popen[bytes]]:
    """Return the processes that a trainer has started, and have Lightning forget them.

    It looks at them every five seconds, and kills this process if one has failed.
    """
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, _SubprocessScriptLauncher):
        return []
    others = list(launcher.procs)
    launcher.procs.clear()
    return others
