"""Sliced Wasserstein distance between aggregate posterior and prior."""

__all__ = ["SlicedWasserstein"]

import torch
from torch import Tensor

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.from_trace import draws
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class SlicedWasserstein(Objective):
    r"""The squared 2-Wasserstein distance of q(z) from p(z), averaged over random directions.

    In one dimension the optimal transport of two samples of equal size pairs them in order.

    Args:
        weight: At least 0, or a schedule.
        num_projections: Directions drawn in each step, at least 1.

    References:
        Sliced-Wasserstein Auto-Encoders (Kolouri et al., 2018), 1804.01947.
    """

    def __init__(self, weight: float | Schedule = 10.0, *, num_projections: int = 50) -> None:
        super().__init__()
        self.weight = check_weight("weight", weight)
        if num_projections < 1:
            raise ValueError(f"num_projections must be at least 1; got {num_projections}")
        self.num_projections = num_projections

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``sliced_wasserstein``."""
        z, u = draws(trace)
        directions = torch.randn(z.shape[1], self.num_projections, device=z.device, dtype=z.dtype)
        directions = directions / directions.norm(dim=0)
        ordered = [(points @ directions).sort(dim=0).values for points in (z, u)]
        distance = (ordered[0] - ordered[1]).square().mean()
        return {"sliced_wasserstein": at(self.weight) * distance}
