"""What every objective is: a map from a trace, and where training stands, to named terms."""

__all__ = ["START", "Objective", "Progress"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn

from vae.checks import check_int
from vae.objectives.schedule import Schedule, schedules_of
from vae.trace import Trace


@final
class Progress:
    """The optimizer step and the size of the training data; called, it gives a weight's value.

    Args:
        step: Optimizer steps taken so far, at least 0; validation steps are not counted.
        num_examples: Size of the training data; 0 if unknown, where a batch stands for all of them.
        values: What schedules are at this step, by their `id`, where a step that is compiled or
            recorded once needs tensors in place of numbers. A schedule that is not there is called.

    Example:
        >>> from vae.objectives import LinearSchedule
        >>> at = Progress(step=500)
        >>> at(0.5), at(LinearSchedule(end=1.0, steps=1000))
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


class Objective(nn.Module, ABC):
    """Turns a trace into named scalar terms in nats per example; the loss is their sum.

    The names become the TensorBoard tags ``objective/<name>``.

    Args:
        num_samples: How many latents per example the trace must hold, at least 1, or a schedule.

    Attributes:
        is_elbo: Whether the loss is the negative ELBO.
        fields: What it reads of a batch besides what the model reads.
        needs_whole_weights: Whether it reads weights, gradients or modules in ways that go wrong
            where each process holds a part of them.

    Raises:
        ValueError: If ``num_samples`` is below 1.
    """

    is_elbo = False
    fields: Sequence[str] = ()
    needs_whole_weights = False

    def __init__(self, num_samples: int | Schedule = 1) -> None:
        super().__init__()
        if not isinstance(num_samples, Schedule):
            check_int("num_samples", num_samples)
        self.samples = num_samples

    def num_samples(self, at: Progress = START) -> int:
        """Return how many latents per example the trace must hold at this step."""
        return int(at(self.samples))

    @property
    def monitor(self) -> str:
        """The figure of validation that tells its best weights; after a minus sign, to minimise.

        It is the loss; but the ELBO where that is the loss, and where a weight follows a schedule,
        with which the loss means something else at every step.
        """
        moving = next(schedules_of(self), None) is not None
        return "val/elbo" if self.is_elbo or moving else "-val/loss"

    def figures(self, trace: Trace) -> dict[str, Tensor]:
        """Return what else a step tells of a trace: scalars by name, which are in no loss."""
        return {}

    @abstractmethod
    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms to minimise: scalars, summed over events, averaged over examples.

        Args:
            trace: Of a batch.
            at: Where training stands: weights may follow the step, so that a resume and validation
                steps change nothing.
        """
