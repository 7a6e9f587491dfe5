"""Training with Lightning."""

__all__ = ["Cosine", "OneCycle", "Steps", "VAEModule"]

from vae.training.module import VAEModule
from vae.training.schedules import Cosine, OneCycle, Steps
