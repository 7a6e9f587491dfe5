"""The prior of learned probabilities over latent bits."""

__all__ = ["BernoulliPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae.distributions.bernoulli_posterior import bits
from vae.networks.conditioned import FieldFeatures
from vae.priors.parametric_prior import ParametricPrior


class BernoulliPrior(ParametricPrior):
    r"""D bits of learned probabilities, :math:`p(z_d = 1) = \mathrm{sigmoid}(l_d)`.

    Probabilities start even. Relaxed in training mode like `BernoulliPosterior`.

    Args:
        latent_shape: ``(D,)``.
        temperature: Temperature of the relaxation in training; the posterior's, ``None`` for none.
        conditional: Whether it is p(z|y), with logits of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is to be conditional in a model without a condition.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.
    """

    support = constraints.boolean

    def __init__(
        self,
        latent_shape: Sequence[int],
        *,
        temperature: float | None,
        conditional: bool | None = None,
        field_features: FieldFeatures | None = None,
    ) -> None:
        super().__init__(
            latent_shape,
            {"logits": nn.Parameter(torch.zeros(*latent_shape))},
            conditional=conditional,
            field_features=field_features,
        )
        self.temperature = temperature

    def of(self, *numbers: Tensor) -> Distribution:
        """Return the distribution of logits, ``(*batch, D,)``."""
        return bits(numbers[0], self.temperature if self.training else None)
