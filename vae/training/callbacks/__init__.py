"""Callbacks of Lightning's Trainer."""

__all__ = [
    "EMA",
    "Checkpoints",
    "EarlyStopping",
    "History",
    "Latents",
    "Pictures",
    "Progress",
    "Scalars",
]

from vae.training.averaging import EMA
from vae.training.callbacks.checkpoints import Checkpoints
from vae.training.callbacks.early_stopping import EarlyStopping
from vae.training.callbacks.history import History
from vae.training.callbacks.latents import Latents
from vae.training.callbacks.pictures import Pictures
from vae.training.callbacks.progress import Progress
from vae.training.callbacks.scalars import Scalars
