"""The symmetric Dirichlet prior over shares of a whole."""

__all__ = ["DirichletPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Distribution, constraints

from vae.priors.gamma_prior import check_above_zero
from vae.priors.prior import Prior


class DirichletPrior(Prior):
    r"""Shares with sum one, :math:`p(z) ∝ \prod_j z_j^{α - 1}`.

    Args:
        latent_shape: ``(D,)``.
        concentration: α, above 0; at 1 the distribution is uniform, below it prefers few shares.

    Raises:
        ValueError: If it is not.

    References:
        Dirichlet Variational Autoencoder (Joo, Lee, Park, Moon, 2019), 1901.02739.
    """

    support = constraints.simplex
    ones: Tensor

    def __init__(self, latent_shape: Sequence[int], *, concentration: float = 1.0) -> None:
        super().__init__()
        check_above_zero(concentration=concentration)
        self.event_shape = tuple(latent_shape)
        self.concentration = concentration
        self.register_buffer("ones", torch.ones(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return the distribution of event shape ``(D,)``."""
        return Dirichlet(self.concentration * self.ones, validate_args=False)
