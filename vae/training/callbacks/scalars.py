"""Training figures on logging steps, and the TensorBoard layout that shows them together."""

__all__ = ["Scalars"]

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from vae.training.cutting import cut_events
from vae.training.lightning_adapter import AdaptedModule
from vae.training.meter import check_figures, with_totals
from vae.training.reading import Reading
from vae.training.table_log import TableLog

START = 0.25  # of a run, in which the ELBO rises by hundreds of nats; then it is charted


class Scalars(Callback):
    """Logs running means every ``trainer.log_every_n_steps`` steps, and nothing in between.

    Figures go to the loggers directly: `LightningModule.log` costs 0.3 ms a value and step.
    """

    def __init__(self) -> None:
        self.count = 0
        self.since = 0.0
        self.validated = 0.0  # since when, if a validation interrupts an epoch
        self.pending: tuple[int, Callable[[], dict[str, float]]] | None = None
        self.charted_from = 0.0
        self.begun = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin anew, also if the same callbacks train a second time."""
        self.begun = False

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Before the first, write the layout of the custom-scalars page, and drop what is repeated.

        Not when training starts: another callback may refuse the run then. A validation in
        mid-epoch does not count as time of training.
        """
        if self.validated:
            self.since += time.perf_counter() - self.validated
            self.validated = 0.0
        if self.begun:
            return
        self.begun = True
        assert isinstance(pl_module, AdaptedModule)
        self.charted_from = START * (pl_module.total_steps or 0)
        for logger in trainer.loggers if trainer.is_global_zero else ():
            if isinstance(logger, TableLog) and trainer.global_step:
                logger.cut(trainer.global_step)
            if isinstance(logger, TensorBoardLogger):
                if trainer.global_step:
                    cut_events(Path(logger.log_dir), trainer.global_step)
                logger.experiment.add_custom_scalars(layout(name_of(trainer)))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        assert isinstance(pl_module, AdaptedModule)
        self.count, self.since = pl_module.examples_seen, time.perf_counter()
        self.validated = 0.0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """On a logging step, log the means since the last one; on a GPU after the next group."""
        assert isinstance(pl_module, AdaptedModule)
        self.write(trainer)
        if pl_module.logging_due:
            pl_module.logging_due = False
            if not pl_module.train_meter.empty:  # unless every step was skipped
                self.read(trainer, pl_module)
            if pl_module.device.type != "cuda":
                self.write(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log what is on its way, and stop the clock."""
        self.write(trainer)
        self.validated = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Chart the ELBO of the validation."""
        if trainer.global_step >= self.charted_from and not trainer.sanity_checking:
            elbo = float(trainer.callback_metrics["val/elbo"])
            for logger in trainer.loggers:
                logger.log_metrics({f"elbo/{name_of(trainer)}/val": elbo}, trainer.global_step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log what is on its way."""
        self.write(trainer)

    def read(self, trainer: pl.Trainer, module: AdaptedModule) -> None:
        """Fetch the figures from the device."""
        now, step = time.perf_counter(), trainer.global_step
        charted = [f"elbo/{name_of(trainer)}/train"] if step >= self.charted_from else []
        num_examples = module.examples_seen - self.count
        speed = num_examples / (now - self.since)
        self.count, self.since = module.examples_seen, now
        means = module.train_meter.read()
        others = [read(trainer.optimizers[0].param_groups[0]["lr"]), read(module.gradient_norm)]

        def figures() -> dict[str, float]:
            found = means()
            if not found:
                return {}
            module.latest, module.latest_step = with_totals(found), step
            check_figures(module.latest, num_examples, step, proper=module.model.proper)
            rate, norm = (value() for value in others)
            skipped = module.guard.in_epoch
            return {
                **{k if "/" in k else f"train/{k}": v for k, v in module.latest.items()},
                **dict.fromkeys(charted, module.latest["elbo"]),
                "optimizer/learning_rate": rate,
                "optimizer/gradient_norm": norm,
                "throughput/examples_per_second": speed,
                **({"optimizer/skipped_steps": skipped} if skipped else {}),
            }

        self.pending = step, figures

    def write(self, trainer: pl.Trainer) -> None:
        """Send figures that were read to every logger."""
        if self.pending is None:
            return
        (step, figures), self.pending = self.pending, None
        found = figures()
        for logger in trainer.loggers if found else ():
            logger.log_metrics(found, step=step)


def layout(name: str) -> dict[str, dict[str, list[Any]]]:
    """Return the charts of a run on some data; TensorBoard adds those of other data to them.

    The ELBO on other data has another range, and at first it has one in which nothing later can be
    told apart: each data has a chart of its own, without the beginning.
    """
    escaped = re.escape(name)
    return {
        "ELBO": {f"{name}: training and validation": ["Multiline", [f"elbo/{escaped}/.*"]]},
        "KL": {"training and validation": ["Multiline", ["train/kl", "val/kl"]]},
        "latents": {
            "active units": ["Multiline", ["latent/active_units"]],
            "KL per dimension": ["Multiline", ["latent/kl/.*"]],
        },
    }


def name_of(trainer: pl.Trainer) -> str:
    """Return the name of the data, as a part of a tag."""
    module = trainer.lightning_module
    assert isinstance(module, AdaptedModule)
    return module.user_data.name.replace("/", "_")


def read(value: float | Tensor) -> Callable[[], float]:
    """Return what tells a number, which may be on its way from a device."""
    if not isinstance(value, Tensor):
        return lambda: value
    reading = Reading(value.view(1))
    return lambda: reading.tolist()[0]
