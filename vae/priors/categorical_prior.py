"""The prior of learned probabilities over one-hot latents."""

__all__ = ["CategoricalPrior"]

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from vae.distributions.categorical_posterior import categorical
from vae.networks.conditioned import FieldFeatures
from vae.priors.parametric_prior import ParametricPrior


class CategoricalPrior(ParametricPrior):
    r"""D one-hot variables, :math:`p(z) = \prod_d \mathrm{softmax}(l_d)_{z_d}`, with l learned.

    Probabilities start even. Relaxed in training mode like `CategoricalPosterior`.

    Args:
        latent_shape: ``(D, C)``: D variables of C categories.
        temperature: Temperature of the relaxation in training; the posterior's, ``None`` for none.
        conditional: Whether it is p(z|y), with logits of y; see `ParametricPrior`.
        field_features: What a model with a condition reads of its fields y.

    Raises:
        ValueError: If it is to be conditional in a model without a condition.

    References:
        The Concrete Distribution (Maddison, Mnih, Teh, 2016), 1611.00712.
    """

    support = constraints.one_hot

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
        """Return the distribution of logits, ``(*batch, D, C)``."""
        return categorical(numbers[0], self.temperature if self.training else None)
