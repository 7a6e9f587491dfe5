"""The Beta prior over latents between 0 and 1."""

__all__ = ["BetaPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution, constraints

from vae.distributions import Joint
from vae.priors.gamma_prior import check_above_zero
from vae.priors.prior import Prior


class BetaPrior(Prior):
    r"""Independent Beta variables, :math:`p(z) ∝ \prod_j z_j^{α - 1} (1 - z_j)^{β - 1}`.

    Args:
        latent_shape: ``(D,)``.
        concentration1: α, above 0.
        concentration0: β, above 0; with both at 1 the distribution is uniform.

    Raises:
        ValueError: If either is not.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.unit_interval
    ones: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        concentration1: float = 1.0,
        concentration0: float = 1.0,
    ) -> None:
        super().__init__()
        check_above_zero(concentration1=concentration1, concentration0=concentration0)
        self.event_shape = tuple(latent_shape)
        self.concentration1, self.concentration0 = concentration1, concentration0
        self.register_buffer("ones", torch.ones(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return the distribution of event shape ``(D,)``."""
        alpha, beta = self.concentration1 * self.ones, self.concentration0 * self.ones
        return Joint(Beta(alpha, beta, validate_args=False), 1)
