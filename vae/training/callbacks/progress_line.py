"""A progress bar that shows the ELBO's terms."""

__all__ = ["ProgressLine"]

import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as Bar,
)

from vae.terminal import console
from vae.training.lightning_adapter import AdaptedModule, is_last_group


class ProgressLine(Callback):
    """Shows steps, the terms of the last logging step, throughput and time left.

    In a terminal it is one live bar over the whole run; elsewhere a line after each validation.

    Args:
        interval: Seconds between two refreshes, at least 0.
    """

    def __init__(self, *, interval: float = 0.5) -> None:
        if not interval >= 0:
            raise ValueError(f"interval must be at least 0; got {interval}")
        self.interval = interval
        self.console = console()
        self.bar: Bar | None = None
        self.shown = 0.0
        self.started = (0.0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar on the first process."""
        assert isinstance(pl_module, AdaptedModule)
        self.started = (time.perf_counter(), pl_module.examples_seen)
        if not (trainer.is_global_zero and self.console.is_terminal):
            return
        self.bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[terms]}"),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            auto_refresh=False,
        )
        self.bar.add_task(
            "",
            total=pl_module.total_steps,
            completed=trainer.global_step,
            epoch="0",
            terms="",
            speed="",
        )
        self.bar.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Refresh the bar now and then."""
        if self.bar is not None and time.perf_counter() - self.shown >= self.interval:
            assert isinstance(pl_module, AdaptedModule)
            self.refresh(trainer, pl_module)

    def refresh(self, trainer: pl.Trainer, module: AdaptedModule) -> None:
        """Show where training stands."""
        assert self.bar is not None
        self.shown = time.perf_counter()
        since, first = self.started
        speed = (module.examples_seen - first) / max(self.shown - since, 1e-9)
        last = "" if (trainer.max_epochs or -1) < 0 else f"/{trainer.max_epochs}"
        self.bar.update(
            self.bar.task_ids[0],
            completed=trainer.global_step,
            epoch=f"{trainer.current_epoch + 1}{last}",
            terms=terms(module.latest),
            speed=f"{speed:,.0f}/s",
        )
        self.bar.refresh()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave a line with the validation figures."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        assert isinstance(pl_module, AdaptedModule)
        figures = {k: float(v) for k, v in trainer.callback_metrics.items()}
        shown = {k: figures[f"val/{k}"] for k in ("elbo", "log_likelihood", "kl")}
        whole = is_last_group(trainer) and not pl_module.group_is_cut
        within = "" if whole else f", step {trainer.global_step:,}"
        self.console.print(f"epoch {trainer.current_epoch + 1:>3}{within}  val {terms(shown)}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar before the message is printed."""
        self.on_train_end(trainer, pl_module)


def terms(figures: dict[str, float]) -> str:
    """Write the ELBO and its terms, in nats per example."""
    names = {"elbo": "elbo", "log_likelihood": "log p(x|z)", "kl": "kl"}
    return "  ".join(f"{names[k]} {figures[k]:.2f}" for k in names if k in figures)
