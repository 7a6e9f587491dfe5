"""How the nets of a module are executed, and how long a training batch takes in each way."""

__all__ = ["OPTIONS", "execute", "time_batches"]

import time
from collections.abc import Collection
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.seed import isolate_rng

from vae.data import DataModule
from vae.networks.products import use_products
from vae.training.module import VAEModule
from vae.training.trial import train_copy

OPTIONS = ("channels_last", "cuda_graph", "compile")
FEWEST, MOST = 2, 12  # timed batches, of which the quickest counts
SECONDS = 2.0  # after which no more than the fewest are timed


def execute(module: VAEModule, options: Collection[str]) -> None:
    """Let a module's nets be executed by some of `OPTIONS`; memory layouts are changed at once."""
    if "channels_last" in options:
        module.model.to(memory_format=torch.channels_last)
        use_products(module.model)
    module.compiled = "compile" in options
    module.cuda_graph = "cuda_graph" in options


class Timing(NamedTuple):
    """Seconds of a training batch.

    Attributes:
        first: The first, with what is compiled or recorded in it.
        least: The quickest of the others, which other processes disturbed least.
    """

    first: float
    least: float


class Stopwatch(Callback):
    """Notes when each batch begins and ends, and ends the training when enough are timed."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, *arguments: Any) -> None:
        """Note the time."""
        self.start = now()

    def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Note how long it took."""
        self.seconds.append(now() - self.start)
        timed = self.seconds[1:]
        if len(timed) >= MOST or (len(timed) >= FEWEST and sum(timed) > SECONDS):
            trainer.should_stop = True


def now() -> float:
    """Return the seconds of a clock, when a GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def time_batches(
    module: VAEModule, data: DataModule, options: Collection[str], **trainer: Any
) -> Timing:
    """Train a copy of a module on a few batches; module, data and random numbers stay as they were.

    Args:
        module: As it is before training.
        data: Its data.
        options: How its nets are executed, of `OPTIONS`.
        trainer: Arguments of Lightning's Trainer: accelerator, precision, ….

    Raises:
        ValueError: If these parts cannot be executed so.
    """
    watch, copied = Stopwatch(), deepcopy(module)
    copied.scheduler = None
    if not torch.cuda.is_available():  # where it would stand beside the original: no moments
        copied.make_optimizer = partial(torch.optim.SGD, lr=0.0)
    try:
        with isolate_rng():
            execute(copied, options)
            train_copy(copied, data, watch, **trainer)
    finally:
        if "compile" in options:
            torch.compiler.reset()
    return Timing(watch.seconds[0], min(watch.seconds[1:]))
