"""Where training stands, as an objective is told."""

__all__ = ["START", "Progress"]

from collections.abc import Mapping
from typing import Any, final

from vae.objectives.schedule import Schedule


@final
class Progress:
    """The optimizer step and the size of the training data; called, it gives a weight's value.

    Args:
        step: Optimizer steps taken so far, at least 0; validation steps are not counted.
        num_examples: Size of the training data; 0 if unknown, where a batch stands for all of them.
        values: What schedules are at this step, by their `id`, where a step that is compiled or
            recorded once needs tensors in place of numbers. A schedule that is not there is called.

    Example:
        >>> from vae.objectives import Linear
        >>> at = Progress(step=500)
        >>> at(0.5), at(Linear(end=1.0, steps=1000))
        (0.5, 0.5)
    """

    def __init__(
        self, step: int = 0, num_examples: int = 0, values: Mapping[int, Any] | None = None
    ) -> None:
        self.step = step
        self.num_examples = num_examples
        self.values = values

    def __call__(self, weight: float | Schedule) -> float:
        """Return a weight, or the value of its schedule at this step."""
        if not isinstance(weight, Schedule):
            return weight
        value = None if self.values is None else self.values.get(id(weight))
        return weight(self.step) if value is None else value


START = Progress()
