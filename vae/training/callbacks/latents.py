"""The use of the latent dimensions, after every validation."""

__all__ = ["Latents"]

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.evaluation import LatentStatistics


class Latents(Callback):
    """Logs active units and the KL of each latent dimension on the validation data.

    Args:
        max_dims: Of how many dimensions the KL is logged, at least 0.
    """

    def __init__(self, *, max_dims: int = 64) -> None:
        if max_dims < 0:
            raise ValueError(f"max_dims must be at least 0; got {max_dims}")
        self.max_dims = max_dims
        self.statistics = LatentStatistics()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start afresh."""
        self.statistics = LatentStatistics()

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add the trace that the validation step returned."""
        self.statistics.update(outputs)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the figures."""
        if trainer.sanity_checking:
            return
        figures = {"latent/active_units": float(self.statistics.active_units)}
        per_dim = self.statistics.kl_per_dim
        for dim, kl in enumerate([] if per_dim is None else per_dim.tolist()[: self.max_dims]):
            figures[f"latent/kl/{dim:02d}"] = kl
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=trainer.global_step)
