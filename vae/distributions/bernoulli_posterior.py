"""Latent bits, exact or relaxed."""

__all__ = ["BernoulliPosterior", "Bits", "bits"]

from torch import Tensor
from torch.distributions import Bernoulli, Distribution, constraints, register_kl
from torch.nn.functional import logsigmoid

from vae.distributions.binary_concrete import BinaryConcrete
from vae.distributions.categorical_posterior import check_temperature
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.joint import Joint


class Bits(Bernoulli):
    """torch's Bernoulli distribution, with a KL divergence that broadcasts.

    torch's own, as of 2.14, raises an IndexError where one of the two has fewer batch dimensions.
    """


@register_kl(Bits, Bits)
def _kl_of_two(q: Bits, p: Bits) -> Tensor:
    one = logsigmoid(q.logits) - logsigmoid(p.logits)
    zero = logsigmoid(-q.logits) - logsigmoid(-p.logits)
    return q.logits.sigmoid() * one + (-q.logits).sigmoid() * zero


class BernoulliPosterior(Head):
    """D bits: relaxed (binary concrete) in training mode, exact in evaluation mode.

    In training, q and a matching prior are densities on (0, 1), so that the bound is one of the
    relaxed model; in evaluation every figure is one of the discrete model. Without a temperature
    they are exact in training too, and their gradient needs the score function.

    Args:
        latent_dim: Number of bits D, at least 1.
        temperature: Temperature τ of the relaxation, above 0; ``None`` relaxes nothing.

    Raises:
        ValueError: If either is out of range.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.
    """

    support = constraints.boolean

    def __init__(self, latent_dim: int, *, temperature: float | None = 0.5) -> None:
        check_latent_dim(latent_dim)
        check_temperature(temperature)
        super().__init__((latent_dim,), (latent_dim,))
        self.temperature = temperature

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D)`` to a distribution over ``(D,)``."""
        return bits(params, self.temperature if self.training else None)


def bits(logits: Tensor, temperature: float | None) -> Distribution:
    """Return ``(*batch, D)`` logits as D bits, exact or relaxed."""
    if temperature is not None:
        return Joint(BinaryConcrete(temperature, logits), 1)
    return Joint(Bits(logits=logits, validate_args=False), 1)
