"""Adversarial matching of the aggregate posterior to the prior."""

__all__ = ["Adversarial"]

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Optimizer

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.adversary import DISCRIMINATOR, Adversary
from vae.objectives.penalties.from_trace import draws
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class Adversarial(Objective):
    r"""The game of q(z) against a discriminator that knows p(z), :math:`-w\,E_{q(z)} \log D(z)`.

    D is the probability that z was drawn from the prior; the encoder's loss is the one that does
    not saturate.

    Args:
        discriminator: Maps ``(N, D)`` to logits ``(N, 1)``.
        weight: At least 0, or a schedule.
        optimizer: Makes the discriminator's optimizer.

    References:
        Adversarial Autoencoders (Makhzani et al., 2015), 1511.05644.
        Wasserstein Auto-Encoders (Tolstikhin et al., 2018), 1711.01558.
    """

    needs_whole_weights = True

    def __init__(
        self,
        discriminator: nn.Module,
        *,
        weight: float | Schedule = 1.0,
        optimizer: Callable[..., Optimizer] = torch.optim.Adam,
    ) -> None:
        super().__init__()
        self.weight = check_weight("weight", weight)
        self.adversary = Adversary(discriminator, optimizer=optimizer)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``adversarial`` and, for D alone, ``adversarial_discriminator``."""
        z, u = draws(trace)
        fooling = softplus(-self.adversary.log_ratio(z)).mean()
        return {
            "adversarial": at(self.weight) * fooling,
            f"adversarial{DISCRIMINATOR}": self.adversary.loss(u, z),
        }
