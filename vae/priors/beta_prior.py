"""The Beta prior over latents between 0 and 1."""

__all__ = ["BetaPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution, constraints

from vae.distributions import Joint
from vae.networks.conditioned import FieldFeatures
from vae.priors.gamma_prior import check_above_zero, factor
from vae.priors.parametric_prior import ParametricPrior


class BetaPrior(ParametricPrior):
    r"""Independent Beta variables, :math:`p(z) ∝ \prod_j z_j^{α - 1} (1 - z_j)^{β - 1}`.

    If it is conditional, α and β are theirs times :math:`e^{W f(y)}`, within a factor of e⁷.

    Args:
        latent_shape: ``(D,)``.
        concentration1: α, above 0.
        concentration0: β, above 0; with both at 1 the distribution is uniform.
        conditional: Whether it is p(z|y), with α and β of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If either is not, or there is no condition to be conditional on.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.unit_interval

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        concentration1: float = 1.0,
        concentration0: float = 1.0,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_above_zero(concentration1=concentration1, concentration0=concentration0)
        zeros = torch.zeros(*latent_shape)
        super().__init__(
            latent_shape,
            {"log_alpha": zeros, "log_beta": zeros.clone()},
            conditional=conditional,
            field_features=field_features,
        )
        self.concentration1, self.concentration0 = concentration1, concentration0

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of the logarithms of both factors, ``(*batch, D)``."""
        alpha, beta = map(factor, numbers)
        alpha, beta = self.concentration1 * alpha, self.concentration0 * beta
        return Joint(Beta(alpha, beta, validate_args=False), 1)
