"""Latents that are shares of a whole, with a Dirichlet distribution."""

__all__ = ["DirichletPosterior", "check_simplex"]

from torch import Tensor
from torch.distributions import Dirichlet, Distribution, constraints

from vae.distributions.gamma_posterior import LOG_SHAPE_BOUNDS
from vae.distributions.head import Head
from vae.distributions.log_scale_normal import soft_bound


class DirichletPosterior(Head):
    r"""D shares with sum one, :math:`q(z|x) ∝ \prod_j z_j^{α_j(x) - 1}`.

    The net gives log α, softly bounded to α in [0.2, 1000], as of `GammaPosterior`. Draws have
    implicit gradients, those of torch.

    Args:
        latent_dim: Number of shares D, at least 2.

    Raises:
        ValueError: If there are fewer.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
        Dirichlet Variational Autoencoder (Joo, Lee, Park, Moon, 2019), 1901.02739.
    """

    support = constraints.simplex

    def __init__(self, latent_dim: int) -> None:
        check_simplex(latent_dim)
        super().__init__((latent_dim,), (latent_dim,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D)`` to a distribution over shares ``(D,)``."""
        return Dirichlet(soft_bound(params, *LOG_SHAPE_BOUNDS).exp(), validate_args=False)


def check_simplex(latent_dim: int) -> None:
    """Refuse a whole of fewer than two shares."""
    if latent_dim < 2:
        raise ValueError(f"latent_dim must be at least 2 for shares of a whole; got {latent_dim}")
