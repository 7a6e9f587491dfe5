"""Disentangled inferred prior."""

__all__ = ["DIP"]

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.penalties.from_trace import only_latent
from vae.objectives.schedule import Schedule, check_weight
from vae.trace import Trace


class DIP(Objective):
    r"""The distance of the aggregate posterior's covariance from the identity.

    .. math:: λ_{od} \sum_{i ≠ j} C_{ij}^2 + λ_d \sum_i (C_{ii} - 1)^2

    I: C is the covariance over the batch of the posterior's mean. II: of z, which adds the mean of
    the posterior's covariance, a diagonal where it factorises.

    Args:
        off_diagonal: Weight λ_od, at least 0, or a schedule.
        diagonal: Weight λ_d, at least 0, or a schedule.
        variance: Whether to add the posterior's variance: false for DIP-VAE I, true for II.

    Raises:
        ValueError: If the posterior does not know its mean and variance.

    References:
        Variational Inference of Disentangled Latent Concepts from Unlabeled Observations
        (Kumar, Sattigeri, Balakrishnan, 2018), 1711.00848.
    """

    def __init__(
        self,
        off_diagonal: float | Schedule = 10.0,
        diagonal: float | Schedule = 100.0,
        *,
        variance: bool = False,
    ) -> None:
        super().__init__()
        self.off_diagonal = check_weight("off_diagonal", off_diagonal)
        self.diagonal = check_weight("diagonal", diagonal)
        self.variance = variance

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the term ``dip``."""
        covariance = self.covariance(trace)
        diagonal = covariance.diagonal()
        off_diagonal = covariance.square().sum() - diagonal.square().sum()
        return {
            "dip": at(self.off_diagonal) * off_diagonal
            + at(self.diagonal) * (diagonal - 1).square().sum()
        }

    def covariance(self, trace: Trace) -> Tensor:
        """Return C, ``(D, D)``, over the examples of the batch."""
        q = only_latent(trace).q
        try:
            mean, variance = q.mean, q.variance
        except NotImplementedError:
            raise ValueError(
                f"dip needs a posterior that knows its mean and variance; got "
                f"{type(q).__name__}. Use posterior=normal."
            ) from None
        mean, variance = (t.reshape(-1, *q.event_shape) for t in (mean, variance))
        centered = (mean - mean.mean(0)).flatten(1)
        covariance = centered.T @ centered / len(centered)
        if self.variance:
            covariance = covariance + of_each(q, variance)
        return covariance


def of_each(q: Distribution, variance: Tensor) -> Tensor:
    """Return the mean over examples of the covariance of q(z|x), ``(D, D)``."""
    if isinstance(q, Independent):
        return torch.diag(variance.mean(0).flatten())
    covariance: Tensor | None = getattr(q, "covariance_matrix", None)
    if covariance is None:
        raise ValueError(
            f"dip needs the covariance of a posterior that does not factorise; got "
            f"{type(q).__name__}. Use posterior=normal."
        )
    return covariance.flatten(0, -3).mean(0)
