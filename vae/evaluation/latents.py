"""How the latent dimensions are used."""

__all__ = ["LatentStatistics"]

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions import center
from vae.trace import Trace

ACTIVE_VARIANCE = 0.01


class LatentStatistics:
    """KL, variance of the posterior's centre and mean posterior variance of each latent dimension.

    A dimension is active if the variance of E[z_j|x] over examples exceeds 0.01.

    References:
        Importance Weighted Autoencoders (Burda, Grosse, Salakhutdinov, 2015), 1509.00519.
    """

    def __init__(self) -> None:
        self.count = 0
        self.kl: Tensor | None = None
        self.sum: Tensor | None = None
        self.square: Tensor | None = None
        self.width: Tensor | None = None

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
        widths = [posterior_variance(latent.q) for latent in trace.latents]
        of_each = [width.double().flatten(1).sum(0) for width in widths if width is not None]
        if len(of_each) == len(widths):
            self.width = added(self.width, torch.cat(of_each))

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
    def posterior_variances(self) -> Tensor | None:
        """Mean over examples of each coordinate's variance in q(z|x), ``None`` where unknown."""
        return None if self.width is None else self.width / self.count

    @property
    def active_units(self) -> int:
        """Number of active coordinates."""
        return int((self.variances > ACTIVE_VARIANCE).sum())


def posterior_variance(q: Distribution) -> Tensor | None:
    """Return the variance of each coordinate, ``(B, *event)``; ``None`` of a flow."""
    try:
        return q.variance
    except NotImplementedError:
        return None


def added(total: Tensor | None, block: Tensor) -> Tensor:
    """Return the total with a block added."""
    return block if total is None else total + block
