"""The symmetric Dirichlet prior over shares of a whole."""

__all__ = ["DirichletPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Dirichlet, Distribution, constraints

from vae.networks.conditioned import FieldFeatures
from vae.priors.gamma_prior import check_above_zero, factor
from vae.priors.parametric_prior import ParametricPrior


class DirichletPrior(ParametricPrior):
    r"""Shares with sum one, :math:`p(z) ∝ \prod_j z_j^{α - 1}`.

    If it is conditional, each share has an α of its own: that times :math:`e^{W f(y)}`, within a
    factor of e⁷.

    Args:
        latent_shape: ``(D,)``.
        concentration: α, above 0; at 1 the distribution is uniform, below it prefers few shares.
        conditional: Whether it is p(z|y), with α of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is not, or there is no condition to be conditional on.

    References:
        Dirichlet Variational Autoencoder (Joo, Lee, Park, Moon, 2019), 1901.02739.
    """

    support = constraints.simplex

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        concentration: float = 1.0,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_above_zero(concentration=concentration)
        super().__init__(
            latent_shape,
            {"log_alpha": torch.zeros(*latent_shape)},
            conditional=conditional,
            field_features=field_features,
        )
        self.concentration = concentration

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of the logarithms of factors of α, ``(*batch, D)``."""
        return Dirichlet(self.concentration * factor(numbers[0]), validate_args=False)
