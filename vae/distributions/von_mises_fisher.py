"""The von Mises–Fisher distribution on the unit sphere, and as a posterior."""

__all__ = ["VonMisesFisher", "VonMisesFisherPosterior", "check_sphere"]

from torch import Tensor
from torch.distributions import Distribution, register_kl

from vae.distributions.angles import Moments, draw_angles, moments
from vae.distributions.head import Head
from vae.distributions.spherical import Spherical, concentrated, direction, log_area
from vae.supports import unit_sphere


class VonMisesFisher(Spherical):
    r"""The normal distribution's counterpart on the sphere, :math:`p(z) ∝ \exp(κ\, μ^\top z)`.

    Its normaliser is :math:`κ^ν / ((2π)^{ν+1} I_ν(κ))` with ν = D/2 − 1, which is computed by
    quadrature in place of the Bessel function; right to 1e-9 in up to 2048 dimensions for κ up to
    10,000. Draws have implicit gradients; see `vae.distributions.angles.draw_angles`.

    Args:
        loc: Mean directions μ, of length one, ``(*batch, D)`` with D at least 2.
        concentration: κ > 0, ``(*batch)``.

    References:
        Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), 1804.00891.

    Example:
        >>> import torch
        >>> q = VonMisesFisher(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(2.0))
        >>> q.rsample((5,)).shape, q.kl_to_uniform()
        (torch.Size([5, 3]), tensor(0.4794))
    """

    def moments(self) -> Moments:
        """Return what κ says of the angle to μ, in double precision."""
        return moments(self.concentration.double(), self.loc.shape[-1])

    def angles(self, kappa: Tensor) -> Tensor:
        """Draw the angle to the mean direction for each κ, in double precision, any shape."""
        return draw_angles(kappa, self.loc.shape[-1])

    @property
    def mean(self) -> Tensor:
        """The mean, ``(*batch, D)``, which lies inside of the sphere."""
        return (1 - self.moments().gap).unsqueeze(-1).to(self.loc.dtype) * self.loc

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of unit vectors ``(*, *batch, D)``, shape ``(*, *batch)``.

        By the squared distance to μ, which unlike their product keeps its digits near μ.
        """
        distance = (value - self.loc).square().sum(-1)
        log_mass = (self.moments().log_mass + log_area(self.loc.shape[-1])).to(self.loc.dtype)
        return -0.5 * self.concentration * distance - log_mass

    def kl_to_uniform(self) -> Tensor:
        """Return the KL divergence to the uniform distribution, ``(*batch)``."""
        log_mass, gap = self.moments()
        return (-self.concentration * gap - log_mass).to(self.loc.dtype)


@register_kl(VonMisesFisher, VonMisesFisher)
def _kl_of_two(q: VonMisesFisher, p: VonMisesFisher) -> Tensor:
    # E (κq (μqᵀz − 1) − κp (μpᵀz − 1)), by the distance of the directions
    (mass_q, gap), (mass_p, _) = q.moments(), p.moments()
    apart = 0.5 * (q.loc - p.loc).square().sum(-1).double()
    far = gap + apart - gap * apart  # 1 − E μpᵀz
    kl = p.concentration * far - q.concentration * gap - mass_q + mass_p
    return kl.to(q.loc.dtype)


class VonMisesFisherPosterior(Head):
    r"""The von Mises–Fisher distribution :math:`q(z|x) ∝ \exp(κ(x)\, μ(x)^\top z)` of unit vectors.

    The net gives a vector, whose direction is μ, and log κ, softly bounded to κ in [0.01, 10⁴].

    Args:
        latent_dim: Coordinates D of the unit vectors, at least 2; the sphere has a dimension less.

    Raises:
        ValueError: If there are fewer.

    References:
        Hyperspherical Variational Auto-Encoders (Davidson et al., 2018), 1804.00891.
    """

    support = unit_sphere

    def __init__(self, latent_dim: int) -> None:
        check_sphere(latent_dim)
        super().__init__((latent_dim,), (latent_dim + 1,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D + 1)`` to a distribution over unit vectors ``(D,)``."""
        return VonMisesFisher(direction(params[..., :-1]), concentrated(params[..., -1]))


def check_sphere(latent_dim: int) -> None:
    """Refuse a sphere of fewer than two coordinates."""
    if latent_dim < 2:
        raise ValueError(f"latent_dim must be at least 2 for unit vectors; got {latent_dim}")
