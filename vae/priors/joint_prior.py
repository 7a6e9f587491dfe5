"""A prior for each of several latents."""

__all__ = ["JointPrior"]

from collections.abc import Mapping
from math import prod

from torch import nn

from vae.distributions import ProductDistribution
from vae.priors.prior import Prior
from vae.supports import ProductSpace


class JointPrior(Prior):
    r"""Independent latents, :math:`p(z, c) = p(z)\,p(c)`, of the names that a `JointPosterior` has.

    Args:
        parts: The prior of each by its name; none is conditional.

    Raises:
        ValueError: If a part does not say where its latents live.

    References:
        Learning Disentangled Joint Continuous and Discrete Representations (Dupont, 2018),
        1804.00104.
    """

    def __init__(self, parts: Mapping[str, Prior]) -> None:
        super().__init__()
        spaces, sizes = {}, 0
        for name, part in parts.items():
            if part.support is None or part.event_shape is None or part.conditional:
                raise ValueError(
                    f"parts.{name} must be a prior that says where its latents live and reads no "
                    f"fields; got {type(part).__name__}. Use vae.priors.StandardNormal, or another "
                    "of vae.priors"
                )
            spaces[name] = part.support
            sizes += prod(part.event_shape)
        self.parts = nn.ModuleDict(parts)
        self.support, self.event_shape = ProductSpace(spaces), (sizes,)

    def forward(self) -> ProductDistribution:
        """Return the product of the parts."""
        return ProductDistribution({name: part() for name, part in self.parts.items()})
