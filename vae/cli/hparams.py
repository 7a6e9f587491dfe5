"""TensorBoard's HParams page: the settings that runs are compared by, and the final figures."""

__all__ = ["log_hparams", "writer_of"]

from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter

from vae.evaluation import Report, Section

PARTS = ("model", "posterior", "prior", "likelihood", "objective", "estimator", "optimizer")
FIGURES = ("elbo", "log_likelihood", "kl", "nll", "active_units")


def log_hparams(trainer: pl.Trainer, settings: dict[str, Any], report: Report) -> None:
    """Write the settings and the test figures of a run."""
    section = report.sections.get("bound", Section(""))
    known = {name: figure.value for name, figure in section.figures.items() if name in FIGURES}
    metrics = {f"test/{name}": float(value) for name, value in known.items() if value is not None}
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams(hyperparameters(settings), metrics, trainer.global_step)
            logger.finalize("success")


def writer_of(trainer: pl.Trainer) -> SummaryWriter | None:
    """Return the writer of the run's own events, if it has one."""
    loggers = (logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger))
    return next((logger.experiment for logger in loggers), None)


def hyperparameters(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the choice of each group, and the numbers in the parts' own settings."""
    choices = HydraConfig.get().runtime.choices
    named = {group: choices[group] for group in ("data", *PARTS, "scheduler")}
    nodes = {part: settings[part] for part in PARTS}
    nodes |= {f"penalties.{name}": node for name, node in settings["penalties"].items()}
    for part, node in nodes.items():
        for key, value in node.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                named[f"{part}.{key}"] = value
    return {**named, "batch_size": settings["data"]["batch_size"], "seed": settings["seed"]}
