"""Total correlation from a learned density ratio."""

__all__ = ["Factor"]

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.adversary import DISCRIMINATOR, Adversary
from vae.objectives.penalties.from_trace import latent_with_paths
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class Factor(Objective):
    r"""The total correlation of q(z), :math:`γ\,E_{q(z)}[\log D(z) - \log(1 - D(z))]`.

    D tells draws of q(z) from draws of :math:`\prod_j q(z_j)`, which are made by permuting each
    latent variable across the batch. (The paper permutes a second batch; here it is the same one.)

    Args:
        discriminator: Maps ``(N, D)`` to logits ``(N, 1)``.
        weight: γ, at least 0, or a schedule.
        optimizer: Makes the discriminator's optimizer.

    References:
        Disentangling by Factorising (Kim, Mnih, 2018), 1802.05983.
    """

    needs_whole_weights = True

    def __init__(
        self,
        discriminator: nn.Module,
        *,
        weight: float | Schedule = 10.0,
        optimizer: Callable[..., Optimizer] = torch.optim.Adam,
    ) -> None:
        super().__init__()
        self.weight = check_weight("weight", weight)
        self.adversary = Adversary(discriminator, optimizer=optimizer)

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``factor`` and, for D alone, ``factor_discriminator``."""
        z = latent_with_paths(trace).point[0]
        log_ratio = self.adversary.log_ratio(z.flatten(1))
        permuted = permute_dims(z.detach())
        return {
            "factor": at(self.weight) * log_ratio.mean(),
            f"factor{DISCRIMINATOR}": self.adversary.loss(z.flatten(1), permuted.flatten(1)),
        }


def permute_dims(z: Tensor) -> Tensor:
    """Permute each variable of ``(N, D, *rest)`` across the N rows, independently of the others.

    A variable of several coordinates, such as a one-hot vector, stays whole.
    """
    order = torch.rand(z.shape[:2], device=z.device).argsort(0)
    return z[order, torch.arange(z.shape[1], device=z.device)]
