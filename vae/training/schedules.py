"""Learning-rate schedules as functions of the part of training that is done."""

__all__ = ["Cosine", "LearningRate", "OneCycle", "Steps"]

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from math import cos, pi

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class LearningRate(ABC):
    """A factor on the optimizer's learning rate, from 0 (start) to 1 (end of training)."""

    @abstractmethod
    def factor(self, progress: float) -> float:
        """Return the factor at a part of training in [0, 1]."""

    def schedule(self, optimizer: Optimizer, total_steps: int) -> LambdaLR:
        """Return the scheduler, to be stepped after every optimizer step."""
        return LambdaLR(optimizer, lambda step: self.factor(min(1.0, step / total_steps)))


class Cosine(LearningRate):
    """A linear warm-up, then half a cosine down to a last factor.

    Args:
        warmup: Part of training that the warm-up takes, in [0, 1).
        final: Factor at the end, in [0, 1].

    References:
        SGDR: Stochastic Gradient Descent with Warm Restarts (Loshchilov, Hutter, 2016), 1608.03983.

    Example:
        >>> [round(Cosine(warmup=0.5).factor(t), 2) for t in (0.25, 0.5, 0.75, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """

    def __init__(self, *, warmup: float = 0.05, final: float = 0.0) -> None:
        self.warmup = check_part("warmup", warmup)
        self.final = check_part("final", final)

    def factor(self, progress: float) -> float:
        """Return the factor at a part of training in [0, 1]."""
        if progress < self.warmup:
            return progress / self.warmup
        rest = (progress - self.warmup) / max(1 - self.warmup, 1e-12)
        return self.final + (1 - self.final) * 0.5 * (1 + cos(pi * rest))


class OneCycle(LearningRate):
    """Half a cosine up to the full rate and another down to almost nothing.

    Args:
        rise: Part of training until the full rate, in (0, 1).
        start: Factor at the start, in [0, 1].
        final: Factor at the end, in [0, 1].

    References:
        Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates
        (Smith, Topin, 2017), 1708.07120.

    Example:
        >>> [round(OneCycle().factor(t), 2) for t in (0.0, 0.3, 1.0)]
        [0.04, 1.0, 0.0]
    """

    def __init__(self, *, rise: float = 0.3, start: float = 0.04, final: float = 1e-4) -> None:
        if not 0 < rise < 1:
            raise ValueError(f"rise must lie in (0, 1); got {rise}")
        self.rise = rise
        self.start = check_part("start", start)
        self.final = check_part("final", final)

    def factor(self, progress: float) -> float:
        """Return the factor at a part of training in [0, 1]."""
        if progress < self.rise:
            low, position = self.start, 1 - progress / self.rise
        else:
            low, position = self.final, (progress - self.rise) / (1 - self.rise)
        return low + (1 - low) * 0.5 * (1 + cos(pi * position))


class Steps(LearningRate):
    """A constant factor less after each milestone.

    Args:
        milestones: Parts of training at which the rate falls, in (0, 1), rising.
        gamma: What it is multiplied by each time, in (0, 1].

    Example:
        >>> [Steps(milestones=[0.5], gamma=0.1).factor(t) for t in (0.4, 0.6)]
        [1.0, 0.1]
    """

    def __init__(self, *, milestones: Sequence[float], gamma: float = 0.1) -> None:
        self.milestones = sorted(check_part("milestones", m) for m in milestones)
        self.gamma = check_part("gamma", gamma)

    def factor(self, progress: float) -> float:
        """Return the factor at a part of training in [0, 1]."""
        return self.gamma ** bisect_right(self.milestones, progress)


def check_part(name: str, value: float) -> float:
    """Return a number in [0, 1], or refuse it."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1]; got {value}")
    return value
