"""One-hot latents, exact or relaxed."""

__all__ = ["CategoricalPosterior", "categorical", "check_temperature"]

from torch import Tensor
from torch.distributions import Distribution, OneHotCategorical, constraints

from vae.distributions.gumbel_softmax import GumbelSoftmax
from vae.distributions.head import Head, check_latent_dim
from vae.distributions.joint import Joint


class CategoricalPosterior(Head):
    """D one-hot variables: relaxed (Gumbel-softmax) in training mode, exact in evaluation mode.

    In training, q and a matching prior are densities on the simplex, so that the bound is one of
    the relaxed model; in evaluation every figure is one of the discrete model. Without a
    temperature they are exact in training too, and their gradient needs the score function.

    Args:
        latent_dim: Number of categorical variables D, at least 1.
        num_categories: Number of categories C of each, at least 2.
        temperature: Temperature τ of the relaxation, above 0; ``None`` relaxes nothing.

    References:
        Categorical Reparameterization with Gumbel-Softmax (Jang, Gu, Poole, 2016), 1611.01144.
    """

    support = constraints.one_hot

    def __init__(
        self, latent_dim: int, *, num_categories: int, temperature: float | None = 0.5
    ) -> None:
        check_latent_dim(latent_dim)
        check_categorical(num_categories, temperature)
        super().__init__((latent_dim, num_categories), (latent_dim * num_categories,))
        self.temperature = temperature

    def forward(self, params: Tensor) -> Distribution:
        """Map ``(*lead, D·C)`` to a distribution over ``(D, C)``."""
        logits = params.unflatten(-1, self.event_shape)
        return categorical(logits, self.temperature if self.training else None)


def categorical(logits: Tensor, temperature: float | None) -> Distribution:
    """Return ``(*batch, N, C)`` logits as N one-hot variables, exact or relaxed."""
    if temperature is not None:
        return Joint(GumbelSoftmax(temperature, logits), 1)
    return Joint(OneHotCategorical(logits=logits, validate_args=False), 1)


def check_categorical(num_categories: int, temperature: float | None) -> None:
    """Refuse fewer than two categories and temperatures that are not positive."""
    if num_categories < 2:
        raise ValueError(f"num_categories must be at least 2; got {num_categories}")
    check_temperature(temperature)


def check_temperature(temperature: float | None) -> None:
    """Refuse temperatures that are not positive."""
    if temperature is not None and not temperature > 0:
        raise ValueError(f"temperature must be above 0 or null; got {temperature}")
