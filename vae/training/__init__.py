"""Training with Lightning."""

__all__ = [
    "Cosine",
    "DataParallel",
    "EventLog",
    "OneCycle",
    "ShardedParallel",
    "Steps",
    "VAEModule",
]

from vae.training.event_log import EventLog
from vae.training.module import VAEModule
from vae.training.parallel import DataParallel, ShardedParallel
from vae.training.schedules import Cosine, OneCycle, Steps
