"""The power spherical distribution on the unit sphere, and as a posterior."""

__all__ = ["PowerSpherical", "PowerSphericalPosterior"]

from math import lgamma

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution

from vae.distributions.head import Head
from vae.distributions.spherical import Spherical, concentrated, direction, log_area
from vae.distributions.von_mises_fisher import check_sphere
from vae.supports import unit_sphere


class PowerSpherical(Spherical):
    r"""A power on the sphere, :math:`p(z) ∝ (1 + μ^\top z)^κ`, drawn without rejection.

    With :math:`β = (D-1)/2` and :math:`α = β + κ`, :math:`(1 + μ^\top z) / 2` is Beta(α, β), and
    :math:`\log p(z) = κ \log\frac{1 + μ^\top z}{2} - \log\frac{B(α, β)}{B(β, β)} - \log A` with the
    sphere's area A.

    Args:
        loc: Mean directions μ, of length one, ``(*batch, D)`` with D at least 2.
        concentration: κ > 0, ``(*batch)``.

    References:
        The Power Spherical distribution (De Cao, Aziz, 2020), 2006.04437.

    Example:
        >>> q = PowerSpherical(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(2.0))
        >>> q.rsample((5,)).shape, q.kl_to_uniform()
        (torch.Size([5, 3]), tensor(0.4319))
    """

    def angles(self, kappa: Tensor) -> Tensor:
        """Draw the angle to the mean direction for each κ, in double precision, any shape."""
        beta = torch.full_like(kappa, (self.loc.shape[-1] - 1) / 2)
        share: Tensor = Beta(beta, beta + kappa, validate_args=False).rsample()  # sin² θ/2
        return 2 * torch.atan2(share.sqrt(), (1 - share).sqrt())

    def log_mass(self) -> Tensor:
        """Return ``log B(α, β) / B(β, β)`` in double precision, ``(*batch)``."""
        beta = (self.loc.shape[-1] - 1) / 2
        alpha = self.concentration.double() + beta
        return alpha.lgamma() - (alpha + beta).lgamma() + lgamma(2 * beta) - lgamma(beta)

    @property
    def mean(self) -> Tensor:
        """The mean, ``(*batch, D)``, which lies inside of the sphere."""
        k = self.concentration
        return (k / (k + self.loc.shape[-1] - 1)).unsqueeze(-1) * self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of unit vectors ``(*, *batch, D)``, shape ``(*, *batch)``.

        By the squared distance to μ, which unlike their product keeps its digits near μ. At the
        point opposite to μ, where the density is 0, it is the least that can be told from that.
        """
        most = 1 - torch.finfo(value.dtype).eps
        away = (0.25 * (value - self.loc).square().sum(-1)).clamp_max(most)
        log_mass = (self.log_mass() + log_area(self.loc.shape[-1])).to(self.loc.dtype)
        return self.concentration * torch.log1p(-away) - log_mass

    def kl_to_uniform(self) -> Tensor:
        """Return the KL divergence to the uniform distribution, ``(*batch)``."""
        beta = (self.loc.shape[-1] - 1) / 2
        alpha = self.concentration.double() + beta
        mean_log = alpha.digamma() - (alpha + beta).digamma()
        return (self.concentration * mean_log - self.log_mass()).to(self.loc.dtype)


class PowerSphericalPosterior(Head):
    r"""The power spherical distribution :math:`q(z|x) ∝ (1 + μ(x)^\top z)^{κ(x)}` of unit vectors.

    The net gives a vector, whose direction is μ, and log κ, softly bounded to κ in [0.01, 10⁴].

    Args:
        latent_dim: Coordinates D of the unit vectors, at least 2; the sphere has a dimension less.

    Raises:
        ValueError: If there are fewer.

    References:
        The Power Spherical distribution (De Cao, Aziz, 2020), 2006.04437.
    """

    support = unit_sphere

    def __init__(self, latent_dim: int) -> None:
        check_sphere(latent_dim)
        super().__init__((latent_dim,), (latent_dim + 1,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D + 1)`` to a distribution over unit vectors ``(D,)``."""
        return PowerSpherical(direction(params[..., :-1]), concentrated(params[..., -1]))
