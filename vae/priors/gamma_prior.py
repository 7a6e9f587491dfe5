"""The Gamma prior over latents above 0."""

__all__ = ["GammaPrior", "check_above_zero", "factor"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma, constraints

from vae.distributions import Joint
from vae.distributions.log_scale_normal import soft_bound
from vae.networks.conditioned import FieldFeatures
from vae.priors.parametric_prior import ParametricPrior


class GammaPrior(ParametricPrior):
    r"""Independent Gamma variables, :math:`p(z) ∝ \prod_j z_j^{α - 1} e^{-β z_j}`.

    If it is conditional, α and β are theirs times :math:`e^{W f(y)}`, within a factor of e⁷.

    Args:
        latent_shape: ``(D,)``.
        concentration: α, above 0; at 1 the distribution is exponential.
        rate: β, above 0.
        conditional: Whether it is p(z|y), with α and β of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If either is not, or there is no condition to be conditional on.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.nonnegative

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        concentration: float = 1.0,
        rate: float = 1.0,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        check_above_zero(concentration=concentration, rate=rate)
        zeros = torch.zeros(*latent_shape)
        super().__init__(
            latent_shape,
            {"log_shape": zeros, "log_rate": zeros.clone()},
            conditional=conditional,
            field_features=field_features,
        )
        self.concentration, self.rate = concentration, rate

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of the logarithms of both factors, ``(*batch, D)``."""
        shape, rate = map(factor, numbers)
        gamma = Gamma(self.concentration * shape, self.rate * rate, validate_args=False)
        return Joint(gamma, 1)


def factor(raw: Tensor) -> Tensor:
    """Return a number between e⁻⁷ and e⁷ of any one, exactly 1 of 0."""
    return soft_bound(raw, -7.0, 7.0).exp()


def check_above_zero(**settings: float) -> None:
    """Refuse settings, by name, that are no finite numbers above 0."""
    for name, value in settings.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be a finite number above 0; got {value}")
