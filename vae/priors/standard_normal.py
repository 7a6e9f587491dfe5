"""The standard normal prior."""

__all__ = ["StandardNormal"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions import Joint, UnitNormal
from vae.priors.prior import Prior, refuse_fields


class StandardNormal(Prior):
    """p(z) = N(0, I).

    Args:
        latent_shape: Shape of one latent, ``(D,)``.
        conditional: Refused.

    Raises:
        ValueError: If it is to be conditional.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114.
    """

    support = constraints.real_vector
    zeros: Tensor

    def __init__(self, latent_shape: Sequence[int], *, conditional: bool | None = None) -> None:
        super().__init__()
        refuse_fields(conditional, "normal")
        self.event_shape = tuple(latent_shape)
        self.register_buffer("zeros", torch.zeros(*latent_shape), persistent=False)
        self.p: Any = standard_normal(self.zeros)

    def forward(self) -> Distribution:
        """Return N(0, I) of event shape ``latent_shape``."""
        if self.p.base_dist.loc is not self.zeros:  # which were moved to a device
            self.p = standard_normal(self.zeros)
        return self.p


def standard_normal(zeros: Tensor) -> Distribution:
    """Return N(0, I) of the event shape, the type and the device of these zeros."""
    return Joint(UnitNormal(zeros), zeros.dim())
