"""From any number of known points of a function to what is known of it at some positions."""

__all__ = ["Aggregator", "CrossAttention", "MeanPool"]

from abc import ABC, abstractmethod
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae.networks.network import check_sizes


class Aggregator(nn.Module, ABC):
    """Joins the features of points in a way that does not depend on their order.

    A learned point that is always known stands beside them: without any other, it is all there is.

    Args:
        features: R, of a point and of what is returned, ≥ 1.

    Raises:
        ValueError: If ``features`` is below 1.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        check_sizes(features=features)
        self.always = nn.Parameter(torch.randn(features) / features**0.5)

    @abstractmethod
    def forward(self, points: Tensor, known: Tensor, places: Tensor, at: Tensor) -> Tensor:
        """Return what is known at M positions, ``(B, M, R)``, or ``(B, 1, R)`` of all alike.

        Args:
            points: Features of C points, ``(B, C, R)``, whatever where a point is not known.
            known: Which are, bool ``(B, C)``.
            places: Their positions, ``(B, C, D)``.
            at: The positions, ``(B, M, D)``.
        """


@final
class MeanPool(Aggregator):
    r"""The mean over the known points, :math:`\frac{1}{C + 1} (r_0 + \sum_{c} r_c)`.

    Args:
        features: As of `Aggregator`.

    References:
        Conditional Neural Processes (Garnelo et al., 2018), 1807.01613.

    Example:
        >>> pool, known = MeanPool(2), torch.tensor([[True, False]])
        >>> pool(torch.ones(1, 2, 2), known, torch.ones(1, 2, 1), torch.zeros(1, 5, 1)).shape
        torch.Size([1, 1, 2])
    """

    def forward(self, points: Tensor, known: Tensor, places: Tensor, at: Tensor) -> Tensor:
        """Return the mean, ``(B, 1, R)``."""
        kept = torch.where(known.unsqueeze(-1), points, 0.0).sum(1, keepdim=True)
        return (kept + self.always) / (known.sum(1) + 1).view(-1, 1, 1)


class AttentionBlock(nn.Module):
    """x + attention of x to a memory, then x + a dense layer of it, each of normalised x.

    Args:
        features: R, a multiple of ``heads``.
        heads: Attentions side by side, ≥ 1.
    """

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.dense_norm = nn.LayerNorm(features), nn.LayerNorm(features)
        self.query = nn.Linear(features, features)
        self.key_value = nn.Linear(features, 2 * features)
        self.project = nn.Linear(features, features)
        self.dense = nn.Sequential(
            nn.Linear(features, 2 * features), nn.GELU(), nn.Linear(2 * features, features)
        )

    def forward(self, x: Tensor, memory: Tensor, known: Tensor) -> Tensor:
        """Map ``(B, M, R)`` to the same shape, by a memory ``(B, C, R)`` known at ``(B, C)``."""
        key, value = self.key_value(self.norm(memory)).chunk(2, -1)
        q, k, v = (self.by_head(t) for t in (self.query(self.norm(x)), key, value))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=known[:, None, None])
        x = x + self.project(mixed.transpose(1, 2).flatten(2))
        y: Tensor = x + self.dense(self.dense_norm(x))
        return y

    def by_head(self, x: Tensor) -> Tensor:
        """Return ``(B, N, R)`` as ``(B, heads, N, R / heads)``."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@final
class CrossAttention(Aggregator):
    """Attention of each position to the known points, which attend to each other before.

    What is embedded of its position is added to a point's features, so that near ones are alike
    from the start. In every layer the positions attend to the points, and from the second on the
    points to each other before, by the same weights; positions never see each other. One layer is
    close to the published process, several are a transformer.

    Args:
        features: As of `Aggregator`.
        at_dim: D, numbers of a position, ≥ 1.
        heads: Attentions side by side, a divisor of ``features``.
        layers: How many, ≥ 1.

    Raises:
        ValueError: If a size is below 1, or ``heads`` does not divide ``features``.

    References:
        Attentive Neural Processes (Kim et al., 2019), 1901.05761.
        Transformer Neural Processes (Nguyen and Grover, 2022), 2207.04179.

    Example:
        >>> attention, known = CrossAttention(8, at_dim=1, heads=2), torch.tensor([[True, False]])
        >>> attention(torch.ones(1, 2, 8), known, torch.ones(1, 2, 1), torch.zeros(1, 5, 1)).shape
        torch.Size([1, 5, 8])
    """

    def __init__(self, features: int, *, at_dim: int, heads: int = 8, layers: int = 2) -> None:
        super().__init__(features)
        check_sizes(at_dim=at_dim, heads=heads, layers=layers)
        if features % heads:
            raise ValueError(f"heads must divide the {features} features; got heads={heads}")
        self.embed = nn.Sequential(
            nn.Linear(at_dim, features), nn.GELU(), nn.Linear(features, features)
        )
        self.blocks = nn.ModuleList(AttentionBlock(features, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(features)

    def forward(self, points: Tensor, known: Tensor, places: Tensor, at: Tensor) -> Tensor:
        """Return what each position finds, ``(B, M, R)``."""
        points = torch.where(known.unsqueeze(-1), points + self.embed(places), 0.0)
        points = torch.cat([self.always.expand(len(points), 1, -1), points], 1)
        known = F.pad(known, (1, 0), value=True)
        x = self.embed(at)
        for i, block in enumerate(self.blocks):
            if i:
                points = block(points, points, known)
            x = block(x, points, known)
        y: Tensor = self.norm(x)
        return y
