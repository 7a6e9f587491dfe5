"""Independent variables of different kinds, each by its name, side by side in one vector."""

__all__ = ["ProductDistribution"]

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, register_kl
from torch.types import _size

from vae.distributions.joint import kl_divergence
from vae.supports import ProductSpace, support_of


class ProductDistribution(Distribution):
    r"""The product :math:`q(z, c) = q(z)\,q(c)` of any number of distributions of one batch shape.

    A value is that of all parts, flattened, one after the other.

    Args:
        parts: By name.
    """

    arg_constraints = {}  # noqa: RUF012  (torch's own interface)

    def __init__(self, parts: Mapping[str, Distribution]) -> None:
        self.parts = dict(parts)
        self.sizes = [part.event_shape.numel() for part in self.parts.values()]
        self.has_rsample = all(part.has_rsample for part in self.parts.values())
        batch_shape = next(iter(self.parts.values())).batch_shape
        super().__init__(batch_shape, torch.Size([sum(self.sizes)]), validate_args=False)

    @property
    def support(self) -> ProductSpace:
        """The space of each part."""
        return ProductSpace({name: support_of(part) for name, part in self.parts.items()})

    @property
    def mean(self) -> Tensor:
        """The means of all parts, ``(*batch, D)``."""
        return self.joined({name: part.mean for name, part in self.parts.items()})

    def expand(self, batch_shape: _size, _instance: Any = None) -> "ProductDistribution":
        """Return the same distribution with another, broadcast batch shape."""
        wide = {name: part.expand(torch.Size(batch_shape)) for name, part in self.parts.items()}
        return ProductDistribution(wide)

    def sample(self, sample_shape: _size = ()) -> Tensor:
        """Draw ``(*sample_shape, *batch, D)``."""
        drawn = {name: part.sample(sample_shape) for name, part in self.parts.items()}
        return self.joined(drawn)

    def rsample(self, sample_shape: _size = ()) -> Tensor:
        """Draw with gradients, ``(*sample_shape, *batch, D)``."""
        drawn = {name: part.rsample(sample_shape) for name, part in self.parts.items()}
        return self.joined(drawn)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the sum of the log-densities of the parts."""
        pieces = zip(self.parts.values(), value.split(self.sizes, -1), strict=True)
        found = [part.log_prob(v.unflatten(-1, part.event_shape)) for part, v in pieces]
        return torch.stack(torch.broadcast_tensors(*found)).sum(0)

    def joined(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return values by name, ``(*lead, *event)`` each, as vectors ``(*lead, D)``."""
        pairs = ((values[name], len(part.event_shape)) for name, part in self.parts.items())
        return torch.cat([value.flatten(value.dim() - dims) for value, dims in pairs], -1)


@register_kl(ProductDistribution, ProductDistribution)
def product_kl(q: ProductDistribution, p: ProductDistribution) -> Tensor:
    """Return KL(q ‖ p) as the sum over the parts, which have the same names."""
    if q.parts.keys() != p.parts.keys():
        raise NotImplementedError
    found = [kl_divergence(part, p.parts[name]) for name, part in q.parts.items()]
    return torch.stack(torch.broadcast_tensors(*found)).sum(0)
