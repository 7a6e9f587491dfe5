"""Training that is tried on a copy of a module, and leaves no trace."""

__all__ = ["train_copy"]

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.data import DataModule
from vae.training.module import VAEModule
from vae.training.profiler import NoProfiler

SILENT = {"enable_checkpointing": False, "enable_progress_bar": False}
SILENT |= {"enable_model_summary": False, "logger": False}


def train_copy(copied: VAEModule, data: DataModule, callback: Callback, **trainer: Any) -> None:
    """Train a copy of a module, batch by batch, until a callback or a limit ends it.

    Args:
        copied: Trained.
        data: Its data, which stay as they are.
        callback: Sees each batch.
        trainer: Arguments of Lightning's Trainer: accelerator, precision, max_steps, ….
    """
    size, data.group_size = data.group_size, 1
    try:
        pl.Trainer(
            **{"devices": 1, "profiler": NoProfiler(), **SILENT, **trainer},
            callbacks=[callback],
            max_epochs=-1,
            limit_val_batches=0,
            use_distributed_sampler=False,
        ).fit(copied, datamodule=data)
    finally:
        data.group_size = size
