"""The settings that runs are compared by, and their final figures, for every logger."""

__all__ = ["log_hparams", "writer_of"]

from typing import Any

import lightning.pytorch as pl
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from vae.cli.kinds import PARTS
from vae.evaluation import Report, Section

FIGURES = ("elbo", "log_likelihood", "kl", "nll", "active_units")
# TensorBoard takes the columns of all runs from one of them, whichever that is: each names all.
COLUMNS = ("val/best_elbo", "val/best_loss", *(f"test/{name}" for name in FIGURES))


def log_hparams(
    trainer: pl.Trainer, settings: dict[str, Any], best: dict[str, float], report: Report | None
) -> None:
    """Write the settings and the last figures of a run.

    Args:
        trainer: With the loggers.
        settings: Of the run.
        best: The figure of validation that picked the best weights, if one did.
        report: On the test data, if it was made.
    """
    metrics = {name.replace("/", "/best_"): value for name, value in best.items()} | tested(report)
    parameters = hyperparameters(settings)
    for logger in trainer.loggers:
        logger.log_metrics(metrics, trainer.global_step)
        if isinstance(logger, TensorBoardLogger):
            for summary in hparams(parameters, dict.fromkeys(COLUMNS, 0.0)):
                file_writer: Any = logger.experiment._get_file_writer()
                file_writer.add_summary(summary, trainer.global_step)
        else:
            logger.log_hyperparams(parameters)
        logger.finalize("success")


def tested(report: Report | None) -> dict[str, float]:
    """Return the figures of a report that runs are compared by."""
    section = report.sections.get("bound", Section("")) if report else Section("")
    known = {name: figure.value for name, figure in section.figures.items() if name in FIGURES}
    return {f"test/{name}": float(value) for name, value in known.items() if value is not None}


def writer_of(trainer: pl.Trainer) -> SummaryWriter | None:
    """Return the writer of the run's own events, if it has one."""
    loggers = (logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger))
    return next((logger.experiment for logger in loggers), None)


def hyperparameters(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the choice of each group, and the numbers in the parts' own settings."""
    choices = HydraConfig.get().runtime.choices
    # Parts that a model does not ask for may be missing.
    named = {group: choices[group] for group in ("data", *PARTS, "scheduler") if group in choices}
    nodes = {part: settings[part] for part in PARTS if settings.get(part)}
    nodes |= {f"penalties.{name}": node for name, node in settings["penalties"].items()}
    for part, node in nodes.items():
        for key, value in node.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                named[f"{part}.{key}"] = value
    return {**named, "batch_size": settings["data"]["batch_size"], "seed": settings["seed"]}
