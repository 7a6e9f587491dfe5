"""What the bounds on log p(x) have in common: they are functions of the log-weights."""

__all__ = ["LogWeightBound"]

from abc import abstractmethod

from torch import Tensor

from vae.objectives.estimators import Estimator, Pathwise
from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule
from vae.trace import Trace


class LogWeightBound(Objective):
    """A bound on log p(x) made of the log-weights of several samples.

    The value of its one term is the bound itself, negative, so that it can be compared between
    runs; its gradient is the estimator's.

    Args:
        num_samples: Latents drawn per example, at least 1, or a schedule.
        estimator: How the gradient reaches the posterior; pathwise by default.

    Attributes:
        name: Name of the term.
    """

    name: str

    def __init__(self, num_samples: int | Schedule, estimator: Estimator | None = None) -> None:
        super().__init__(num_samples)
        self.estimator = Pathwise() if estimator is None else estimator

    @abstractmethod
    def value(self, log_w: Tensor) -> Tensor:
        """Return the bounds, ``(*lead, B)``, of log-weights ``(*lead, K, B)``."""

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the one term."""
        refuse_shared(trace)
        trace = self.estimator.taken(trace)
        log_q = self.estimator.log_q(trace)
        log_w = trace.log_joint - log_q
        bound = self.value(log_w).mean()
        correction = self.estimator.correction(self.value, log_w, trace)
        return {self.name: -(bound if correction is None else bound + correction)}


def refuse_shared(trace: Trace) -> None:
    """Refuse several samples of what all examples share, which no example's bound is made of.

    Raises:
        ValueError: Naming the variable.
    """
    for latent in trace.latents:
        if latent.shared and len(latent.z) > 1:
            raise ValueError(
                f"all examples share the latent {latent.name}: a bound of several samples is not "
                "one of each example. Use objective=elbo."
            )
