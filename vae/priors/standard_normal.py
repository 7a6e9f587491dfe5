"""The standard normal prior."""

__all__ = ["StandardNormal"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions import Joint, UnitNormal
from vae.priors.prior import Prior


class StandardNormal(Prior):
    """p(z) = N(0, I).

    Args:
        latent_shape: Shape of one latent, ``(D,)``.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    support = constraints.real_vector
    zeros: Tensor

    def __init__(self, latent_shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("zeros", torch.zeros(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return N(0, I) of event shape ``latent_shape``."""
        return Joint(UnitNormal(self.zeros), self.zeros.dim())
