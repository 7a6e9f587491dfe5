"""A KL held at a capacity that grows."""

__all__ = ["Capacity"]

from torch import Tensor

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class Capacity(Objective):
    r"""The distance of the KL from a capacity, :math:`γ\,|KL − C|`, in place of the KL itself.

    Args:
        capacity: C in nats, at least 0, or a schedule.
        gamma: Weight γ, at least 0.

    References:
        Understanding disentangling in β-VAE (Burgess et al., 2018), 1804.03599.
    """

    def __init__(self, capacity: float | Schedule, *, gamma: float = 1000.0) -> None:
        super().__init__()
        self.capacity = check_weight("capacity", capacity)
        self.gamma: float = check_weight("gamma", gamma)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``capacity``."""
        excess = trace.kl.mean() - at(self.capacity)
        return {"capacity": self.gamma * excess.abs()}
