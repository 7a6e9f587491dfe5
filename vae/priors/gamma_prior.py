"""The Gamma prior over latents above 0."""

__all__ = ["GammaPrior", "check_above_zero"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Gamma, constraints

from vae.distributions import Joint
from vae.priors.prior import Prior


class GammaPrior(Prior):
    r"""Independent Gamma variables, :math:`p(z) ∝ \prod_j z_j^{α - 1} e^{-β z_j}`.

    Args:
        latent_shape: ``(D,)``.
        concentration: α, above 0; at 1 the distribution is exponential.
        rate: β, above 0.

    Raises:
        ValueError: If either is not.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.nonnegative
    ones: Tensor

    def __init__(
        self, latent_shape: Sequence[int], *, concentration: float = 1.0, rate: float = 1.0
    ) -> None:
        super().__init__()
        check_above_zero(concentration=concentration, rate=rate)
        self.event_shape = tuple(latent_shape)
        self.concentration, self.rate = concentration, rate
        self.register_buffer("ones", torch.ones(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return the distribution of event shape ``(D,)``."""
        shape, rate = self.concentration * self.ones, self.rate * self.ones
        return Joint(Gamma(shape, rate, validate_args=False), 1)


def check_above_zero(**settings: float) -> None:
    """Refuse settings, by name, that are no finite numbers above 0."""
    for name, value in settings.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be a finite number above 0; got {value}")
