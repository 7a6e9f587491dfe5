"""Which values of an example are hidden."""

__all__ = ["MASKS", "hidden"]

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor


def scattered(places: Sequence[int], fraction: float) -> Tensor:
    """Hide each place with the probability ``fraction``, ``places`` bool."""
    return torch.rand(*places) < fraction


def lower_part(places: Sequence[int], fraction: float) -> Tensor:
    """Hide the last share of the first axis: the lower part of a picture, the end of a signal."""
    mask = torch.zeros(*places, dtype=torch.bool)
    mask[places[0] - max(1, round(places[0] * fraction)) :] = True
    return mask


def central_box(places: Sequence[int], fraction: float) -> Tensor:
    """Hide a box in the middle, of that share of all places."""
    mask = torch.zeros(*places, dtype=torch.bool)
    sides = [max(1, round(n * fraction ** (1 / len(places)))) for n in places]
    box = tuple(slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(places, sides, strict=True))
    mask[box] = True
    return mask


MASKS: dict[str, Callable[[Sequence[int], float], Tensor]] = {
    "random": scattered,
    "lower": lower_part,
    "center": central_box,
}


def hidden(kind: str, fraction: float, num: int, shape: Sequence[int]) -> Tensor:
    """Return which values of each example are missing, bool ``(num, *shape)``.

    All channels of a place are missing together; a vector ``(D,)`` has D places. Random masks are
    drawn for each example from the global random state.

    Args:
        kind: ``random``, ``lower`` or ``center``.
        fraction: Share of the places, in (0, 1).
        num: How many examples.
        shape: ``(C, H, W)``, ``(C, L)`` or ``(D,)``.
    """
    places = shape if len(shape) == 1 else shape[1:]
    make = partial(MASKS[kind], places, fraction)
    masks = torch.stack([make() for _ in range(num)])
    return masks if len(shape) == 1 else masks.unsqueeze(1).expand(num, *shape)
