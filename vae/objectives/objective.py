"""What every objective is: a map from a trace to named terms whose sum is minimised."""

__all__ = ["Objective"]

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from vae.checks import check_int
from vae.objectives.progress import START, Progress
from vae.objectives.schedule import Schedule, schedules_of
from vae.trace import Trace


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

    @abstractmethod
    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms to minimise: scalars, summed over events, averaged over examples.

        Args:
            trace: Of a batch.
            at: Where training stands: weights may follow the step, so that a resume and validation
                steps change nothing.
        """
