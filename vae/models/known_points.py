"""The points of functions: where they are, which exist, and which of them are known."""

__all__ = [
    "Points",
    "check_bounds",
    "compact",
    "drawn_context",
    "hashed",
    "most_of",
    "over_channels",
]

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

SIGNED = 1 << 64
A, B = 0x9E3779B97F4A7C15 - SIGNED, 0xBF58476D1CE4E5B9 - SIGNED  # SplitMix64
C = 0x94D049BB133111EB - SIGNED


class Points(NamedTuple):
    """M points of B functions."""

    at: Tensor  # positions as the nets see them, (B, M, D)
    y: Tensor  # values, (B, M, C); 0 where a point does not exist
    exists: Tensor  # bool, (B, M)
    known: Tensor  # bool, (B, M): the context
    most: int  # how many may be known of a function

    @property
    def existing(self) -> tuple[Tensor, Tensor]:
        """Position and value of each point side by side, ``(B, M, D + C)``, and which exist."""
        both = torch.cat([self.at, self.y], -1)
        return torch.where(self.exists.unsqueeze(-1), both, 0.0), self.exists

    @property
    def context(self) -> tuple[Tensor, Tensor]:
        """The same of the known points, ``(B, N, D + C)``, N at most ``most``, and which are."""
        both = torch.cat([self.at, self.y], -1)
        if self.most >= self.known.shape[1]:
            return torch.where(self.known.unsqueeze(-1), both, 0.0), self.known
        return compact(both, self.known, self.most)


def compact(values: Tensor, mask: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the rows of a mask in their order, in as few places as ``most``.

    Example:
        >>> values, mask = torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([[0, 1, 1]])
        >>> compact(values, mask > 0, 2)[0].flatten().tolist()
        [2.0, 3.0]
    """
    place = mask.byte().argsort(dim=1, descending=True, stable=True)[:, :most]
    kept = mask.gather(1, place)
    found = values.gather(1, place.unsqueeze(-1).expand(-1, -1, values.shape[-1]))
    return torch.where(kept.unsqueeze(-1), found, 0.0), kept


def drawn_context(y: Tensor, exists: Tensor, bounds: Sequence[int], *, anew: bool) -> Tensor:
    """Choose which points of each function are known, bool ``(B, M)``.

    How many is uniform between the bounds, and which they are is too. Anew they are drawn from
    torch's generator, which training seeds at each step; else they are a fixed function of the
    values, the same whatever functions are read beside them.

    Args:
        y: Values ``(B, M, C)``.
        exists: bool ``(B, M)``.
        bounds: Fewest and most, ≥ 0.
        anew: Whether they are drawn.
    """
    low, high = (min(bound, exists.shape[1]) for bound in bounds)
    if anew:
        order = torch.rand(exists.shape, device=y.device)
        count = torch.randint(low, high + 1, (len(y), 1), device=y.device)
    else:
        bits = hashed(y.float().contiguous().view(torch.int32).flatten(1).sum(1), y.shape[1] + 1)
        order, count = bits[:, :-1].double(), low + bits[:, -1:] % (high - low + 1)
    order = order.masked_fill(~exists, torch.inf)
    return (order.argsort(1).argsort(1) < count) & exists


def hashed(key: Tensor, size: int) -> Tensor:
    """Return ``size`` numbers of 53 bits that belong to each key, int64 ``(B, size)``.

    References:
        Fast splittable pseudorandom number generators (Steele, Lea, Flood, 2014).
    """
    x = mixed(key * A)[:, None] + torch.arange(1, size + 1, device=key.device) * A
    return (mixed(x) >> 11) & ((1 << 53) - 1)


def mixed(x: Tensor) -> Tensor:
    """Return the finaliser of SplitMix64 of whole numbers, in arithmetic modulo 2⁶⁴."""
    x = (x ^ ((x >> 30) & ((1 << 34) - 1))) * B
    x = (x ^ ((x >> 27) & ((1 << 37) - 1))) * C
    return x ^ ((x >> 31) & ((1 << 33) - 1))


def most_of(known: Tensor) -> int:
    """Return how many points are known at most of a function; all where one had to wait for it."""
    waits = torch.compiler.is_compiling() or not known.is_cpu
    return known.shape[1] if waits else int(known.sum(1).max())


def over_channels(mask: Tensor, x: Tensor) -> Tensor:
    """Return a mask of points, bool ``(B, M)``, as one of values ``(B, C, *places)``."""
    if x.dim() == 2:
        return mask
    return mask.reshape(len(x), 1, *x.shape[2:]).expand(x.shape)


def check_bounds(num_context: Sequence[int]) -> None:
    """Refuse what are no fewest and most known points.

    Raises:
        ValueError: Saying what they must be.
    """
    whole = all(isinstance(n, int) and not isinstance(n, bool) for n in num_context)
    if len(num_context) != 2 or not whole or not 0 <= num_context[0] <= num_context[1]:
        raise ValueError(
            "model.num_context must be fewest and most known points, [0, 50]; got "
            f"{list(num_context)}"
        )
