"""The uniform prior over unit vectors."""

__all__ = ["UniformSphere"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae.distributions.spherical import UniformDirection
from vae.priors.prior import Prior, refuse_fields
from vae.supports import unit_sphere


class UniformSphere(Prior):
    r"""The uniform distribution on the unit sphere, :math:`p(z) = Γ(D/2) / (2 π^{D/2})`.

    Args:
        latent_shape: ``(D,)``.
        conditional: Refused.

    Raises:
        ValueError: If it is to be conditional.

    References:
        Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), 1804.00891.
    """

    support = unit_sphere
    zeros: Tensor

    def __init__(self, latent_shape: Sequence[int], *, conditional: bool | None = None) -> None:
        super().__init__()
        refuse_fields(conditional, "von_mises_fisher")
        self.event_shape = tuple(latent_shape)
        self.register_buffer("zeros", torch.zeros(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return the uniform distribution of event shape ``(D,)``."""
        return UniformDirection(self.zeros)
