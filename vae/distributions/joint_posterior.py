"""Latents of several kinds side by side, such as continuous and categorical ones."""

__all__ = ["JointPosterior"]

from collections.abc import Mapping
from math import prod

from torch import Tensor, nn

from vae.distributions.head import Head
from vae.distributions.product_distribution import ProductDistribution
from vae.supports import ProductSpace


class JointPosterior(Head):
    r"""Latents that are independent given x: :math:`q(z, c|x) = q(z|x) \prod_i q(c_i|x)`.

    A `VAE` makes of each part a latent variable of its own, with its own prior and KL, and its
    decoder reads all of them, flattened, one after the other.

    Args:
        parts: The head of each latent by its name, at least two; they share the encoder's output.

    Raises:
        ValueError: If there are fewer than two parts.

    References:
        Learning Disentangled Joint Continuous and Discrete Representations (Dupont, 2018),
        1804.00104.

    Example:
        >>> import torch
        >>> from vae.distributions import CategoricalPosterior, NormalPosterior
        >>> parts = {"z": NormalPosterior(2), "c": CategoricalPosterior(1, num_categories=3)}
        >>> head = JointPosterior(parts)
        >>> head.param_shape, head(torch.zeros(5, 7)).parts["c"].event_shape
        ((7,), torch.Size([1, 3]))
    """

    def __init__(self, parts: Mapping[str, Head]) -> None:
        if len(parts) < 2:
            raise ValueError(
                f"parts must be two latents or more; got {', '.join(parts) or 'none'}. Use its "
                "posterior alone"
            )
        events = (prod(part.event_shape) for part in parts.values())
        sizes = [prod(part.param_shape) for part in parts.values()]
        super().__init__((sum(events),), (sum(sizes),))
        self.sizes = sizes
        self.parts = nn.ModuleDict(parts)
        self.support = ProductSpace({name: part.support for name, part in parts.items()})

    def forward(self, params: Tensor) -> ProductDistribution:
        """Map ``(*lead, P)`` to the product of the parts."""
        found = {}
        for (name, part), raw in zip(self.parts.items(), params.split(self.sizes, -1), strict=True):
            assert isinstance(part, Head)
            found[name] = part(raw.unflatten(-1, part.param_shape))
        return ProductDistribution(found)
