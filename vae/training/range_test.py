"""A learning rate to begin with, found in a hundred steps at rising rates."""

__all__ = ["RangeTest", "find_rate"]

from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite, log
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from vae.data import DataModule
from vae.training.guard import Guard
from vae.training.meter import with_totals
from vae.training.module import VAEModule
from vae.training.trial import train_copy

LOW, HIGH = 1e-7, 1.0
FEWEST = 20  # steps from which a slope can be told
SHARE = 10  # the curve is smoothed over a tenth of it
LOST = 2.0  # the test ends when so many times what was won is lost


@dataclass
class RangeTest:
    """The loss of each step, with the rate it was followed by.

    Attributes:
        rates: Learning rates, rising.
        losses: Before the step at each of them, nats per example.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def smoothed(self) -> list[float]:
        """The mean of each loss and those around it, which lags behind in neither direction."""
        width = max(1, len(self.losses) // SHARE // 2)
        around = [self.losses[max(0, i - width) : i + width + 1] for i in range(len(self.losses))]
        return [sum(part) / len(part) for part in around]

    @property
    def suggestion(self) -> float | None:
        r"""The rate at which the loss falls steepest in :math:`\log` of the rate; ``None`` if none.

        The slope is that of a straight line through a tenth of the curve on each side.
        """
        width = len(self.losses) // SHARE
        if len(self.losses) < FEWEST:
            return None
        x = torch.tensor([log(rate) for rate in self.rates], dtype=torch.float64)
        y = torch.tensor(self.losses, dtype=torch.float64)
        middles = range(width, len(self.losses) - width)
        slopes = [
            slope(x[i - width : i + width + 1], y[i - width : i + width + 1]) for i in middles
        ]
        least = min(slopes)
        return self.rates[width + slopes.index(least)] if least < 0 else None

    @property
    def diverged(self) -> bool:
        """Whether more is lost than was won, or the last loss is no number."""
        if not isfinite(self.losses[-1]):
            return True
        if len(self.losses) < FEWEST:
            return False
        curve = self.smoothed
        start, best, end = curve[0], min(curve), curve[-1]
        return end - best > LOST * (start - best) + abs(start)


def slope(x: Tensor, y: Tensor) -> float:
    """Return the slope of the straight line that is nearest to some points."""
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


class Rising(Callback):
    """Sets the rate of each step and notes the loss before it.

    Args:
        test: Is given both.
        low: The first rate.
        high: That of the last step.
        num_steps: Until then.
    """

    def __init__(self, test: RangeTest, low: float, high: float, num_steps: int) -> None:
        self.test = test
        self.low = low
        self.ratio = (high / low) ** (1 / (num_steps - 1))

    def on_train_batch_start(self, trainer: pl.Trainer, *arguments: Any) -> None:
        """Set the rate of the model's optimizer; adversaries keep theirs."""
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = self.low * self.ratio**trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *arguments: Any) -> None:
        """Note the loss of the batches that the step was of, and end if it diverges."""
        if not pl_module.between_steps:
            return
        loss = with_totals(pl_module.train_meter.means())["loss"]
        self.test.rates.append(self.low * self.ratio ** (trainer.global_step - 1))
        self.test.losses.append(loss)
        if self.test.diverged:
            self.test.rates.pop()
            self.test.losses.pop()
            trainer.should_stop = True


def find_rate(
    module: VAEModule,
    data: DataModule,
    *,
    low: float = LOW,
    high: float = HIGH,
    num_steps: int = 100,
    **trainer: Any,
) -> RangeTest:
    """Train a copy of a module at exponentially rising rates; the module stays as it is.

    Lightning's own finder (2.6.6) rests on automatic optimization: where steps are taken by hand it
    is told no loss, and raises the rate only if the module steps a schedule itself.

    Args:
        module: As it is before training.
        data: Its data.
        low: The first rate, above 0.
        high: The last one, above `low`.
        num_steps: Optimizer steps, at least 20; fewer are taken if the loss diverges.
        trainer: Arguments of Lightning's Trainer: accelerator, precision, …

    Raises:
        ValueError: If a number is out of range.

    References:
        Cyclical Learning Rates for Training Neural Networks (Smith, 2015), 1506.01186.
    """
    if num_steps < FEWEST:
        raise ValueError(f"a range test needs {FEWEST} steps at least; got {num_steps}")
    if not 0 < low < high:
        raise ValueError(f"the rates must rise from above 0; got {low} to {high}")
    test, copied = RangeTest(), deepcopy(module)
    copied.scheduler, copied.guard = None, Guard(None)
    copied.compiled = copied.cuda_graph = False
    train_copy(copied, data, Rising(test, low, high, num_steps), max_steps=num_steps, **trainer)
    return test
