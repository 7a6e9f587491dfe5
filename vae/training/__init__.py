"""Training with Lightning."""

__all__ = ["Cosine", "DataParallel", "OneCycle", "Steps", "VAEModule"]

from vae.training.module import VAEModule
from vae.training.parallel import DataParallel
from vae.training.schedules import Cosine, OneCycle, Steps
