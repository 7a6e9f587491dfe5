"""The uniform prior over latent bits."""

__all__ = ["UniformBernoulli"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions.bernoulli_posterior import bits
from vae.priors.prior import Prior, refuse_fields


class UniformBernoulli(Prior):
    """D fair bits, relaxed in training mode like `BernoulliPosterior`.

    Args:
        latent_shape: ``(D,)``.
        temperature: Temperature of the relaxation in training; the posterior's, ``None`` for none.
        conditional: Refused.

    Raises:
        ValueError: If it is to be conditional.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.
    """

    support = constraints.boolean
    logits: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        temperature: float | None,
        conditional: bool | None = None,
    ) -> None:
        super().__init__()
        refuse_fields(conditional, "bernoulli")
        self.event_shape = tuple(latent_shape)
        self.temperature = temperature
        self.register_buffer("logits", torch.zeros(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return the uniform distribution of event shape ``(D,)``."""
        return bits(self.logits, self.temperature if self.training else None)
