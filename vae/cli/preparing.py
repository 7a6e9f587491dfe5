"""From the settings of a run to its module, its Trainer and its length."""

__all__ = ["bound_validation", "build_trainer", "made", "set_length", "sized"]

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ProgressBar

from vae.build import check_parts
from vae.cli.batch_checks import check_batches
from vae.cli.length import settle_length
from vae.cli.monitor import check_monitor, settle_monitor
from vae.data import DataModule
from vae.instantiate import instantiate
from vae.models.rows import whole_rows
from vae.objectives import Progress
from vae.training import VAEModule
from vae.training.callbacks import ProgressLine
from vae.training.profiler import make_profiler
from vae.training.storage import DurableCheckpoints

UNSETTLED = {"max_epochs": -1, "check_val_every_n_epoch": 1}  # where the settings say null


def made(
    settings: dict[str, Any], data: DataModule, folder: Path
) -> tuple[dict[str, Any], VAEModule, pl.Trainer]:
    """Return the settings with the figure that picks the best, the module, and its Trainer.

    Raises:
        ValueError: If a setting is wrong, or parts do not fit together.
    """
    torch.manual_seed(settings["seed"])
    module = VAEModule.from_config(settings, data.spec)
    settings = settle_monitor(settings, module.objective)
    check_monitor(settings, check_parts(module.model, module.objective, data.spec))
    return settings, module, build_trainer(settings, folder)


def sized(
    settings: dict[str, Any],
    recorded: dict[str, Any],
    module: VAEModule,
    data: DataModule,
    trainer: pl.Trainer,
) -> dict[str, Any]:
    """Read the data, and return the settings with the length of the run, which all are given.

    Args:
        settings: Of the run.
        recorded: Of the run that is gone on with; empty for a new one.
        module: Keeps them for its checkpoints.
        data: To train on.
        trainer: Ends with them.

    Raises:
        ValueError: If the data do not make one step, or the run would end unseen.
    """
    data.setup("fit")
    data.fields = module.fields  # which say how many batches there are, if few have labels
    data.repeats = settings["trainer"]["overfit_batches"] > 0
    settings = settle_length(settings, recorded, data, trainer.world_size)
    check_batches(settings, data, trainer.world_size)
    set_length(trainer, module, settings)
    return settings


def set_length(trainer: pl.Trainer, module: VAEModule, settings: dict[str, Any]) -> None:
    """Give the Trainer, and the checkpoints, the numbers that were settled with the data."""
    trainer.fit_loop.max_epochs = settings["trainer"]["max_epochs"]
    trainer.check_val_every_n_epoch = settings["trainer"]["check_val_every_n_epoch"]
    settled = {group: settings[group] for group in ("data", "trainer")}
    module.hparams["config"] = {**module.hparams["config"], **settled}


def bound_validation(module: VAEModule, data: DataModule) -> None:
    """Let a batch of validation have fewer examples than is set where they take too much memory."""
    batches = data.batches("train", n=1, batch_size=1, fields=tuple(module.fields))
    at, model = Progress(0, module.num_examples), module.model
    training = [part for part in model.modules() if part.training]
    model.eval()
    data.eval_batch_size = whole_rows(
        model,
        next(iter(batches)),
        data.eval_batch_size,
        num_samples=module.objective.num_samples(at),
    )
    for part in training:
        part.training = True


def build_trainer(settings: dict[str, Any], folder: Path | None = None) -> pl.Trainer:
    """Build the Trainer with its loggers and callbacks; `set_length` ends an open length.

    Args:
        settings: Of the run.
        folder: Of the run, where a profile goes.
    """
    loggers = instantiate(settings.get("logger") or {}, "logger")
    callbacks = list(instantiate(settings.get("callbacks") or {}, "callbacks").values())
    node = {**settings["trainer"]}
    node |= {name: value for name, value in UNSETTLED.items() if node[name] is None}
    node["overfit_batches"] = 0  # `settle_batches` has made limits of it
    bars = any(isinstance(callback, ProgressBar) for callback in callbacks)
    if bars or not node["enable_progress_bar"]:
        callbacks = [c for c in callbacks if not isinstance(c, ProgressLine)]
    trainer: pl.Trainer = instantiate(
        node | {"enable_progress_bar": bars and node["enable_progress_bar"]},
        "trainer",
        logger=list(loggers.values()),
        callbacks=callbacks,
        plugins=[DurableCheckpoints()],
        use_distributed_sampler=False,
    )
    trainer.profiler = make_profiler(node["profiler"], folder)  # type: ignore[attr-defined]
    return trainer
