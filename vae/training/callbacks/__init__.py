"""Callbacks of Lightning's Trainer."""

__all__ = [
    "EMA",
    "Checkpoints",
    "EarlyStopping",
    "History",
    "Latents",
    "Pictures",
    "ProgressLine",
    "Scalars",
]

from vae.training.averaging import EMA
from vae.training.callbacks.checkpoints import Checkpoints
from vae.training.callbacks.early_stopping import EarlyStopping
from vae.training.callbacks.latent_use import Latents
from vae.training.callbacks.picture_log import Pictures
from vae.training.callbacks.progress_line import ProgressLine
from vae.training.callbacks.scalars import Scalars
from vae.training.callbacks.validation_history import History
