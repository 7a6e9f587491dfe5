"""The coordinates of named values, each with a name of its own."""

__all__ = ["coordinates_of"]

from collections.abc import Mapping
from itertools import product

import torch
from torch import Tensor


def coordinates_of(values: Mapping[str, Tensor]) -> tuple[list[str], Tensor]:
    """Return the coordinates' names, such as ``w[0,1]``, and their draws side by side.

    Those that never move, as the upper half of a triangular matrix, are left out.

    Args:
        values: ``(n, *shape)`` by name.

    Returns:
        M names, and ``(n, M)`` in double precision.
    """
    names: list[str] = []
    for name, value in values.items():
        places = product(*map(range, value.shape[1:]))
        names += [f"{name}[{','.join(map(str, place))}]" if place else name for place in places]
    columns = torch.cat([v.double().reshape(len(v), -1) for v in values.values()], 1)
    moves = (columns != columns[:1]).any(0)
    return [name for name, kept in zip(names, moves, strict=True) if kept], columns[:, moves]
