"""Training with Lightning."""

__all__ = [
    "Cosine",
    "DataParallel",
    "EventLog",
    "LearningRate",
    "OneCycle",
    "ShardedParallel",
    "Steps",
    "TableLog",
    "VAEModule",
]

from vae.training.event_log import EventLog
from vae.training.module import VAEModule
from vae.training.parallel import DataParallel, ShardedParallel
from vae.training.schedules import Cosine, LearningRate, OneCycle, Steps
from vae.training.table_log import TableLog
