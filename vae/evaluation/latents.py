"""How the latent dimensions are used."""

__all__ = ["LatentStatistics"]

import torch
from torch import Tensor

from vae.distributions import center
from vae.trace import Trace

ACTIVE_VARIANCE = 0.01


class LatentStatistics:
    """KL per latent dimension and the variance of the posterior's centre, over many batches.

    A dimension is active if the variance of E[z_j|x] over examples exceeds 0.01.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """

    def __init__(self) -> None:
        self.count = 0
        self.kl: Tensor | None = None
        self.sum: Tensor | None = None
        self.square: Tensor | None = None

    @torch.no_grad()
    def update(self, trace: Trace) -> None:
        """Add a batch."""
        for_each = [center(latent.q).double().flatten(1) for latent in trace.latents]
        centers = torch.cat(for_each, -1)
        self.count += len(centers)
        self.sum = added(self.sum, centers.sum(0))
        self.square = added(self.square, centers.square().sum(0))
        per_dim = [latent.kl_per_dim for latent in trace.latents]
        known = [kl.double().mean(0).sum(0) for kl in per_dim if kl is not None]
        if len(known) == len(per_dim):
            self.kl = added(self.kl, torch.cat(known))

    @property
    def kl_per_dim(self) -> Tensor | None:
        """Mean KL of each latent variable in nats, ``(D,)``; ``None`` where it does not split."""
        return None if self.kl is None else self.kl / self.count

    @property
    def variances(self) -> Tensor:
        """Variance over examples of each coordinate of the posterior's centre."""
        if self.sum is None or self.square is None:
            raise ValueError("no batch was added")
        return (self.square / self.count - (self.sum / self.count).square()).clamp_min(0)

    @property
    def active_units(self) -> int:
        """Number of active coordinates."""
        return int((self.variances > ACTIVE_VARIANCE).sum())


def added(total: Tensor | None, block: Tensor) -> Tensor:
    """Return the total with a block added."""
    return block if total is None else total + block
