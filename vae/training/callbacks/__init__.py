"""Callbacks of Lightning's Trainer."""

__all__ = ["Latents", "Pictures", "Progress", "Scalars"]

from vae.training.callbacks.latents import Latents
from vae.training.callbacks.pictures import Pictures
from vae.training.callbacks.progress import Progress
from vae.training.callbacks.scalars import Scalars
