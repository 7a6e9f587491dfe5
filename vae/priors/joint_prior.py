"""A prior for each of several latents."""

__all__ = ["JointPrior"]

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vae.distributions import ProductDistribution
from vae.priors.prior import Prior, refuse_fields
from vae.supports import ProductSpace


class JointPrior(Prior):
    r"""Independent latents, :math:`p(z, c) = p(z)\,p(c)`, of the names that a `JointPosterior` has.

    It is :math:`p(z|y)\,p(c|y)` if the parts are conditional, or a factor of it if one alone is.

    Args:
        parts: The prior of each by its name.
        conditional: Whether one at least is to be p(·|y).

    Raises:
        ValueError: If a part does not say where its latents live, or none is conditional that was
            to be.

    References:
        Learning Disentangled Joint Continuous and Discrete Representations (Dupont, 2018),
        1804.00104.
    """

    def __init__(self, parts: Mapping[str, Prior], *, conditional: bool | None = None) -> None:
        super().__init__()
        spaces, sizes = {}, 0
        for name, part in parts.items():
            if part.support is None or part.event_shape is None:
                raise ValueError(
                    f"parts.{name} must be a prior that says where its latents live; "
                    f"got {type(part).__name__}. Use one of vae.priors, such as StandardNormal"
                )
            spaces[name] = part.support
            sizes += prod(part.event_shape)
        self.conditional = any(part.conditional for part in parts.values())
        refuse_fields(conditional and not self.conditional, "joint_learned")
        self.parts = nn.ModuleDict(parts)
        self.support, self.event_shape = ProductSpace(spaces), (sizes,)

    def forward(self, *given: Tensor) -> ProductDistribution:
        """Return the product of the parts, of batch shape ``(B,)`` for fields ``(B, ...)``."""
        found = {name: self.part(name, *given) for name in self.parts}
        shape = torch.broadcast_shapes(*(p.batch_shape for p in found.values()))
        wide = {n: p if p.batch_shape == shape else p.expand(shape) for n, p in found.items()}
        return ProductDistribution(wide)

    def part(self, name: str, *given: Tensor) -> Distribution:
        """Return the distribution of one part, which is given the fields if it is conditional."""
        part = self.parts[name]
        assert isinstance(part, Prior)
        p: Distribution = part(*given) if part.conditional else part()
        return p
