"""Nets that read or make the points of a function, one by one."""

__all__ = ["PointDecoder", "PooledEncoder", "joined"]

from collections.abc import Sequence
from math import prod
from typing import final

import torch
from torch import Tensor, nn

from vae.from_data import StartsAtOutput
from vae.networks.aggregators import MeanPool
from vae.networks.dense import dense


@final
class PooledEncoder(nn.Module):
    """From known points to raw parameters of one distribution for each function.

    Args:
        net: From a point ``(..., F)`` to features ``(..., R)``.
        features: R, ≥ 1.
        out_shape: Of the parameters.
    """

    def __init__(self, net: nn.Module, features: int, out_shape: Sequence[int]) -> None:
        super().__init__()
        self.net, self.pool = net, MeanPool(features)
        self.out = dense((features, features, prod(out_shape)), nn.ReLU())
        self.out_shape = tuple(out_shape)

    def forward(self, points: Tensor, known: Tensor) -> Tensor:
        """Map points ``(B, C, F)``, known at ``(B, C)``, to ``(B, *out_shape)``."""
        pooled: Tensor = self.out(self.pool(self.net(points), known, points, points))
        return pooled.reshape(len(points), *self.out_shape)


@final
class PointDecoder(nn.Module, StartsAtOutput):
    """From what is known of each place to raw parameters of all values of a function.

    Args:
        net: From a place ``(..., F)`` to P numbers ``(..., P)``, as many as a place has of the
            parameters.
        lead: What of the parameters' shape stands before the places, of P numbers; ``()`` of
            vectors, whose only axis counts places too.
        size: Shape of the places; ``None`` of M in a row, however many there are.
    """

    def __init__(
        self, net: nn.Module, lead: Sequence[int], size: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        self.net, self.lead = net, tuple(lead)
        self.size = (-1,) if size is None else tuple(size)

    @property
    def start_at_mean(self) -> bool | None:  # type: ignore[override]
        """Whether the net is to start at the mean of the training data."""
        return isinstance(self.net, StartsAtOutput) and self.net.start_at_mean

    def start_at(self, output: Tensor) -> None:
        """Let the net start at the mean over the places of an output, if it can."""
        if isinstance(self.net, StartsAtOutput):
            self.net.start_at(output)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(*lead, M, F)`` to the parameters of M places of each function."""
        y: Tensor = self.net(x).mT
        return y.reshape(*y.shape[:-2], *self.lead, *self.size)


def joined(*parts: Tensor) -> Tensor:
    """Return tensors ``(..., F)`` of broadcast leading dimensions side by side."""
    lead = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.expand(*lead, -1) for part in parts], -1)
