"""Ground-truth factors of the user's own data: one column each, as ranks."""

__all__ = ["Factors", "as_factors"]

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

MAX_VALUES = 2000  # of a factor


class Factors(NamedTuple):
    """Factors of each part.

    Attributes:
        columns: ``(N, F)`` int64, of each factor the rank of its value, by part.
        names: Of the factors.
        sizes: How many values each takes.
    """

    columns: dict[str, Tensor]
    names: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def told(self) -> str:
        """Names and sizes, for the run's summary."""
        return ", ".join(f"{n} ({s})" for n, s in zip(self.names, self.sizes, strict=True))


def as_factors(
    stored: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    names: Sequence[str] | None,
    *,
    subject: str,
) -> Factors:
    """Return factors as ranks of their values, which may be angles as well as numbers of classes.

    Args:
        stored: ``(N, F)`` numbers, or ``(N,)`` of a single factor, by part.
        sizes: N of each part.
        names: Of the factors; ``None`` numbers them from 0.
        subject: What they are, for messages.

    Raises:
        ValueError: If they are no factors of these examples.
    """
    for part, array in stored.items():
        if array.shape[:1] != (sizes[part],) or array.ndim not in (1, 2) or not array.size:
            raise ValueError(f"{subject} must be ({sizes[part]}, F); got shape {array.shape}")
        if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
            raise ValueError(f"{subject} must be finite numbers; got {array.dtype}")
    tables = [array.reshape(len(array), -1) for array in stored.values()]
    if len({table.shape[1] for table in tables}) > 1:
        raise ValueError(f"{subject} must be as many in every part")
    ranked = [np.unique(c, return_inverse=True) for c in np.concatenate(tables).T]
    counts = tuple(len(values) for values, _ in ranked)
    if names is not None and len(names) != len(counts):
        raise ValueError(f"{subject} are {len(counts)}, but data.factor_names has {len(names)}")
    if max(counts) > MAX_VALUES:
        raise ValueError(
            f"{subject} must take at most {MAX_VALUES:,} values each; one takes {max(counts):,}"
        )
    table = torch.from_numpy(np.stack([index for _, index in ranked], 1).astype(np.int64))
    parts = torch.split(table, [len(t) for t in tables])
    named = tuple(names or (f"factor_{i}" for i in range(len(counts))))
    return Factors(dict(zip(stored, parts, strict=True)), named, counts)
