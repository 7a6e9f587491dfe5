"""Latents above 0 with a Gamma distribution each."""

__all__ = ["GammaPosterior"]

from math import log

from torch import Tensor
from torch.distributions import Distribution, Gamma, constraints

from vae.distributions.head import Head, check_latent_dim
from vae.distributions.joint import Joint
from vae.distributions.log_scale_normal import soft_bound

# Below, single precision loses draws: those of a shape of 0.1 lie under its least number once in
# 6,000 times, those of 0.2 once in 40 million.
LOG_SHAPE_BOUNDS = (log(0.2), log(1e3))
LOG_RATE_BOUNDS = (-7.0, 7.0)


class GammaPosterior(Head):
    r"""Independent Gamma variables, :math:`q(z|x) ∝ \prod_j z_j^{α_j(x) - 1} e^{-β_j(x) z_j}`.

    The net gives log α and log β, softly bounded to α in [0.2, 1000] and β in [e⁻⁷, e⁷]. Draws have
    implicit gradients, those of torch, of a relative error below 3e-4.

    Args:
        latent_dim: Number of latent variables D, at least 1.

    Raises:
        ValueError: If there are fewer.

    References:
        Implicit Reparameterization Gradients (Figurnov, Mohamed, Mnih, 2018), 1805.08498.
    """

    support = constraints.nonnegative

    def __init__(self, latent_dim: int) -> None:
        check_latent_dim(latent_dim)
        super().__init__((latent_dim,), (2 * latent_dim,))

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, 2D)`` to a distribution over ``(D,)``."""
        log_shape, log_rate = params.chunk(2, -1)
        shape = soft_bound(log_shape, *LOG_SHAPE_BOUNDS).exp()
        rate = soft_bound(log_rate, *LOG_RATE_BOUNDS).exp()
        return Joint(Gamma(shape, rate, validate_args=False), 1)
