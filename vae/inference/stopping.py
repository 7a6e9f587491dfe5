"""How a fit ends at a signal: after the step, as the program that called it would have ended."""

__all__ = ["EndsAtSignals", "as_of_program"]

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from vae.interruption import Interrupted, Signals


class EndsAtSignals(Callback):
    """Ends a run that saves nothing. Lightning would end the program with status 0 at SIGTERM."""

    def __init__(self) -> None:
        self.signals = Signals()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note signals from now on."""
        self.signals.install()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """End the run if a signal came.

        Raises:
            Interrupted: Naming it.
        """
        if number := self.signals.received:
            name, step = signal.Signals(number).name, trainer.global_step
            raise Interrupted(
                number, f"{name}: stopped at step {step}; without folder= none is kept"
            )

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave signals to whom they were left before."""
        self.signals.restore()

    def on_exception(self, trainer: pl.Trainer, *_: Any) -> None:
        """Leave signals to whom they were left before."""
        self.signals.restore()


@contextmanager
def as_of_program(hint: str) -> Iterator[None]:
    """Turn the end of a run at a signal into that of the program.

    Args:
        hint: How to go on, after what was saved.

    Raises:
        KeyboardInterrupt: At SIGINT, as of Python itself.
        SystemExit: At others, with 128 and the number as status and the sentence on standard error.
    """
    try:
        yield
    except Interrupted as end:
        if end.number == signal.SIGINT:
            raise KeyboardInterrupt(f"{end}{hint}") from None
        print(f"{end}{hint}", file=sys.stderr, flush=True)
        raise SystemExit(end.status) from None
