"""Weights that change with the optimizer step."""

__all__ = ["Cyclical", "LinearSchedule", "Schedule", "Stages", "check_weight", "schedules_of"]

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from torch import nn


class Schedule(ABC):
    """A number as a function of the optimizer step."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the value at a step, counted from 0."""


class LinearSchedule(Schedule):
    """From `start` to `end` in equal increments, then constant: warm-up.

    Args:
        end: Value from step `steps` on, at least 0.
        start: Value at step 0, at least 0.
        steps: Optimizer steps that the change takes, at least 1.

    References:
        Generating Sentences from a Continuous Space (Bowman et al., 2015), 1511.06349.

    Example:
        >>> [LinearSchedule(end=1.0, steps=4)(step) for step in (0, 2, 4, 9)]
        [0.0, 0.5, 1.0, 1.0]
    """

    def __init__(self, end: float, *, start: float = 0.0, steps: int) -> None:
        self.start = check_weight("start", start)
        self.end = check_weight("end", end)
        self.steps = check_steps("steps", steps)

    def __call__(self, step: int) -> float:
        """Return the value at a step, counted from 0."""
        return self.start + (self.end - self.start) * min(1.0, step / self.steps)


class Cyclical(Schedule):
    """Cycles that rise from `start` to `end` in a part of their length and hold for the rest.

    Args:
        end: Value at the top of each cycle, at least 0.
        start: Value at its beginning, at least 0.
        period: Optimizer steps in a cycle, at least 1.
        rise: Part of the cycle that the rise takes, in (0, 1].

    References:
        Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing
        (Fu et al., 2019), 1903.10145.

    Example:
        >>> [Cyclical(end=1.0, period=8)(step) for step in (0, 2, 4, 7, 8)]
        [0.0, 0.5, 1.0, 1.0, 0.0]
    """

    def __init__(self, end: float, *, start: float = 0.0, period: int, rise: float = 0.5) -> None:
        self.start = check_weight("start", start)
        self.end = check_weight("end", end)
        self.period = check_steps("period", period)
        if not 0 < rise <= 1:
            raise ValueError(f"rise must lie in (0, 1]; got {rise}")
        self.rise = rise

    def __call__(self, step: int) -> float:
        """Return the value at a step, counted from 0."""
        position = (step % self.period) / self.period
        return self.start + (self.end - self.start) * min(1.0, position / self.rise)


class Stages(Schedule):
    """Constant values, one after the other.

    Args:
        values: One for each stage, at least 0.
        starts: Optimizer steps at which the second stage and those after it begin, rising.

    Raises:
        ValueError: If there is not one start less than there are values, or they do not rise.

    Example:
        >>> [Stages([1, 5, 50], starts=[2, 4])(step) for step in (0, 1, 2, 4, 9)]
        [1, 1, 5, 50, 50]
    """

    def __init__(self, values: Sequence[float], *, starts: Sequence[int]) -> None:
        rising = all(a < b for a, b in pairwise([0, *starts]))
        if len(values) != len(starts) + 1 or not rising:
            raise ValueError(
                f"starts must be one rising step less than the {len(values)} values; got {starts}"
            )
        self.values = [check_weight("values", value) for value in values]
        self.starts = list(starts)

    def __call__(self, step: int) -> float:
        """Return the value at a step, counted from 0."""
        return self.values[sum(step >= start for start in self.starts)]  # as compiled code can


Weight = TypeVar("Weight", bound=float | Schedule)


def schedules_of(objective: nn.Module) -> Iterator[Schedule]:
    """Yield the schedules of all weights of an objective and its parts.

    They stand in attributes, or in dicts that are attributes. The number of samples is no weight.
    """
    for part in objective.modules():
        attributes = vars(part)
        dicts = (value for value in attributes.values() if isinstance(value, dict))
        for weights in (attributes, *dicts):
            for name, value in weights.items():
                if isinstance(value, Schedule) and name != "samples":
                    yield value


def check_weight(name: str, value: Weight) -> Weight:
    """Return a weight, or refuse it.

    Raises:
        ValueError: If a constant weight is negative or not finite.
    """
    if isinstance(value, Schedule):
        return value
    if not isinstance(value, float | int) or not 0 <= value < float("inf"):
        raise ValueError(f"{name} must be a finite number of at least 0; got {value}")
    return value


def check_steps(name: str, steps: int) -> int:
    """Return a number of steps, or refuse one below 1."""
    if steps < 1:
        raise ValueError(f"{name} must be at least 1; got {steps}")
    return steps
