"""What every objective is: a map from a trace to named terms whose sum is minimised."""

__all__ = ["Objective"]

from abc import ABC, abstractmethod

from torch import Tensor, nn

from vae.data.checks import check_int
from vae.objectives.schedule import Schedule, at_step, scheduled
from vae.trace import Trace


class Objective(nn.Module, ABC):
    """Turns a trace into named scalar terms in nats per example; the loss is their sum.

    The names become the TensorBoard tags ``objective/<name>``.

    Args:
        num_samples: How many latents per example the trace must hold, at least 1, or a schedule.

    Attributes:
        step: Optimizer steps taken so far. The training loop sets it, so that schedules are
            functions of the step alone: they survive a resume and see no validation step.
        num_examples: Size of the training data, which the training loop sets too; 0 if unknown,
            where a batch stands for all of them.
        is_elbo: Whether the loss is the negative ELBO.

    Raises:
        ValueError: If ``num_samples`` is below 1.
    """

    is_elbo = False

    def __init__(self, num_samples: int | Schedule = 1) -> None:
        super().__init__()
        if not isinstance(num_samples, Schedule):
            check_int("num_samples", num_samples)
        self.samples = num_samples
        self.step = 0
        self.num_examples = 0

    @property
    def num_samples(self) -> int:
        """How many latents per example the trace must hold at this step."""
        return int(at_step(self.samples, self.step))

    @property
    def monitor(self) -> str:
        """The figure of validation that tells its best weights; after a minus sign, to minimise.

        It is the loss; but the ELBO where that is the loss, and where a weight follows a schedule,
        with which the loss means something else at every step.
        """
        moving = any(any(scheduled(part)) for part in self.modules())
        return "val/elbo" if self.is_elbo or moving else "-val/loss"

    @abstractmethod
    def forward(self, trace: Trace) -> dict[str, Tensor]:
        """Return the terms to minimise: scalars, summed over events, averaged over examples."""
