"""The posterior of independent Laplace distributions."""

__all__ = ["LaplacePosterior"]

from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions.head import Head, check_latent_dim
from vae.distributions.joint import Joint
from vae.distributions.likelihoods.laplace import LogScaleLaplace
from vae.distributions.log_scale_normal import LOG_SCALE_BOUNDS, soft_bound


class LaplacePosterior(Head):
    r"""Independent Laplace distributions, :math:`q(z|x) = \prod_d \exp(-|z_d - μ_d|/b_d)/(2 b_d)`.

    The net gives μ and log b; log b is softly bounded to [−7, 5].

    Args:
        latent_dim: Number of latent variables D, at least 1.

    Raises:
        ValueError: If the number is out of range.

    References:
        Auto-Encoding Variational Bayes (Kingma, Welling, 2013), 1312.6114, section 2.4.
    """

    support = constraints.real_vector

    def __init__(self, latent_dim: int) -> None:
        check_latent_dim(latent_dim)
        super().__init__((latent_dim,), (2 * latent_dim,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D)`` to a distribution over ``(D,)``."""
        loc, log_scale = params.chunk(2, -1)
        return Joint(LogScaleLaplace(loc, soft_bound(log_scale, *LOG_SCALE_BOUNDS)), 1)
