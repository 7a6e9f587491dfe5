"""How many examples are computed at once: of large pictures fewer, so that memory is bounded."""

__all__ = ["suited_rows"]

from collections.abc import Sequence
from math import prod

SMALL = 3 * 64 * 64  # values of a picture up to which as many are taken as are asked for


def suited_rows(most: int, shape: Sequence[int]) -> int:
    """Return how many examples are computed at once where `most` small ones would be.

    Of pictures ``(C, H, W)`` of more than 3×64×64 values it is in proportion less, and at least 1:
    what one value takes in all the layers of a net is about the same in small and large pictures.

    Example:
        >>> [suited_rows(4096, s) for s in ((3, 64, 64), (3, 512, 512), (3, 9999, 9999), (99999,))]
        [4096, 64, 1, 4096]
    """
    if len(shape) != 3:
        return most
    return max(1, most * SMALL // max(SMALL, prod(shape)))
