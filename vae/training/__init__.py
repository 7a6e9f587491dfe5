"""Training with Lightning."""

__all__ = ["Cosine", "OneCycle", "Steps", "VAEModule", "data_parallel"]

from vae.training.module import VAEModule
from vae.training.parallel import data_parallel
from vae.training.schedules import Cosine, OneCycle, Steps
