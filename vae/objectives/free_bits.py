"""Free bits: a KL below which a latent dimension is not penalised."""

__all__ = ["FreeBits"]

import torch
from torch import Tensor

from vae.objectives.objective import START, Objective, Progress
from vae.objectives.schedule import Schedule
from vae.trace import Latent, Trace


class FreeBits(Objective):
    r"""The negative ELBO with :math:`\sum_j \max(λ, \overline{KL}_j)` in place of the KL.

    The mean over the batch is taken inside the maximum, as in the paper.

    Args:
        nats: λ, free nats of each latent dimension, at least 0.
        by_latent: Whether λ is for each latent as a whole, :math:`\max(λ, \overline{KL})`, such as
            a level of a hierarchy; then its posterior and prior need not factorise.
        num_samples: Latents drawn per example, at least 1, or a schedule.

    Raises:
        ValueError: If ``nats`` is negative, or a posterior or prior does not factorise and must.

    References:
        Improved Variational Inference with Inverse Autoregressive Flow
        (Kingma et al., 2016), 1606.04934.
    """

    def __init__(
        self, nats: float = 0.5, *, by_latent: bool = False, num_samples: int | Schedule = 1
    ) -> None:
        super().__init__(num_samples)
        if not nats >= 0:
            raise ValueError(f"nats must be at least 0; got {nats}")
        self.nats, self.by_latent = nats, by_latent

    def forward(self, trace: Trace, at: Progress = START) -> dict[str, Tensor]:
        """Return the terms ``reconstruction`` and ``kl``."""
        kl = torch.stack([self.free_kl(latent) for latent in trace.latents]).sum()
        return {"reconstruction": -trace.log_px.mean(), "kl": kl}

    def free_kl(self, latent: Latent) -> Tensor:
        """Return the sum over dimensions of the clipped mean KL, a scalar."""
        if self.by_latent:
            return latent.kl.mean().clamp_min(self.nats)
        if latent.kl_per_dim is None:
            kinds = f"{type(latent.q).__name__} against {type(latent.p).__name__}"
            raise ValueError(
                f"free bits need a posterior and a prior that factorise over dimensions; got "
                f"{kinds}. Use objective=elbo, or posterior=normal with prior=standard_normal."
            )
        return latent.kl_per_dim.mean((0, 1)).clamp_min(self.nats).sum()
