"""The uniform prior over one-hot latents."""

__all__ = ["UniformCategorical"]

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from vae.distributions.categorical_posterior import categorical
from vae.priors.prior import Prior, refuse_fields


class UniformCategorical(Prior):
    """D uniform one-hot variables, relaxed in training mode like `CategoricalPosterior`.

    Args:
        latent_shape: ``(D, C)``: D variables of C categories.
        temperature: Temperature of the relaxation in training; the posterior's, ``None`` for none.
        conditional: Refused.

    Raises:
        ValueError: If it is to be conditional.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.
    """

    support = constraints.one_hot
    logits: Tensor

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        temperature: float | None,
        conditional: bool | None = None,
    ) -> None:
        super().__init__()
        refuse_fields(conditional, "categorical")
        self.event_shape = tuple(latent_shape)
        self.temperature = temperature
        self.register_buffer("logits", torch.zeros(*latent_shape), persistent=False)

    def forward(self) -> Distribution:
        """Return the uniform distribution of event shape ``(D, C)``."""
        return categorical(self.logits, self.temperature if self.training else None)
