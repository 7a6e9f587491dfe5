"""Squares of pixels as channels, and back: a smaller map to start from, with nothing lost."""

__all__ = ["Patches", "Pixels"]

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn.functional import pad


@final
class Patches(nn.Module):
    """Lay each patch of pixels into channels, ``(N, C, *size)`` to ``(N, C·pᵈ, *⌈size/p⌉)``.

    Sides that p does not divide are filled with zeros at their end. It is a permutation of what it
    is given, also called space-to-depth.

    Args:
        shape: Of the data, ``(C, H, W)`` or ``(C, L)``.
        side: The side p of a patch in pixels, ≥ 1.

    References:
        Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
        Neural Network (Shi et al., 2016), arXiv:1609.05158.

    Example:
        >>> import torch
        >>> Patches((3, 33, 47), 4)(torch.zeros(5, 3, 33, 47)).shape
        torch.Size([5, 48, 9, 12])
    """

    def __init__(self, shape: Sequence[int], side: int) -> None:
        super().__init__()
        self.fine, self.side = tuple(shape), side
        self.missing = tuple(-n % side for n in shape[1:])
        sides = zip(shape[1:], self.missing, strict=True)
        channels = shape[0] * side ** len(self.missing)
        self.coarse = (channels, *((n + more) // side for n, more in sides))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C, *size)`` to ``(N, C·pᵈ, *⌈size/p⌉)``."""
        x = pad(x, [n for more in reversed(self.missing) for n in (0, more)])
        count, p = len(self.missing), self.side
        split = [n for side in self.coarse[1:] for n in (side, p)]
        # (N, C, h, p, w, p): each side of the map, and beside it the pixels of its patch
        x = x.reshape(len(x), self.fine[0], *split)
        pixels, sides = range(3, 3 + 2 * count, 2), range(2, 2 + 2 * count, 2)
        return x.permute(0, 1, *pixels, *sides).reshape(len(x), *self.coarse)


@final
class Pixels(nn.Module):
    """What undoes `Patches`, ``(N, C·pᵈ, *⌈size/p⌉)`` to ``(N, C, *size)``.

    Args:
        patches: What it undoes.

    Example:
        >>> import torch
        >>> Pixels(Patches((3, 33, 47), 4))(torch.zeros(5, 48, 9, 12)).shape
        torch.Size([5, 3, 33, 47])
    """

    def __init__(self, patches: Patches) -> None:
        super().__init__()
        self.fine, self.coarse, self.side = patches.fine, patches.coarse, patches.side

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(N, C·pᵈ, *⌈size/p⌉)`` to ``(N, C, *size)``."""
        count, p = len(self.fine) - 1, self.side
        x = x.reshape(len(x), self.fine[0], *[p] * count, *self.coarse[1:])
        order = [n for i in range(count) for n in (2 + count + i, 2 + i)]
        whole = [side * p for side in self.coarse[1:]]
        x = x.permute(0, 1, *order).reshape(len(x), self.fine[0], *whole)
        for axis, side in enumerate(self.fine[1:], start=2):
            x = x.narrow(axis, 0, side)
        return x
