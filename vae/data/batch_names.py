"""A batch of a user's own loader, as named fields."""

__all__ = ["Names", "named"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Names = Sequence[str] | Mapping[str, str] | None
PAIR = ("x", "label")  # what a batch of two is, where nobody says


def named(batch: Any, names: Names = None, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return the fields of a batch.

    x of bytes is divided by 255, as everywhere; of truth values, it becomes 0 and 1.

    Args:
        batch: A tensor, which is x; a tuple or list, of x alone, or of x and label; or a mapping.
        names: Other names of a tuple's entries, in order; or of each field, the key under which a
            mapping holds it: ``{"x": "pixel_values"}``.
        dtype: Of x.

    Raises:
        TypeError: If the batch is none of these.
        ValueError: If a field is not there, or a tuple has more entries than names.

    Example:
        >>> {name: tuple(value.shape) for name, value in named([torch.ones(5, 3)]).items()}
        {'x': (5, 3)}
    """
    found = {name: as_tensor(name, value) for name, value in fields_of(batch, names).items()}
    x = found.get("x")
    if x is not None and x.dtype == torch.uint8:
        found["x"] = x.to(dtype).div_(255)
    elif x is not None and (x.is_floating_point() or x.dtype == torch.bool):
        found["x"] = x.to(dtype)
    return found


def fields_of(batch: Any, names: Names) -> dict[str, Any]:
    """Return what a batch holds, by name."""
    if isinstance(batch, Mapping):
        if names is None:
            return dict(batch)
        if not isinstance(names, Mapping):
            names = {name: name for name in names}
        if missing := [key for key in names.values() if key not in batch]:
            raise ValueError(
                f"a batch holds {', '.join(map(str, batch))}, but no {', '.join(missing)}: say "
                'which is which, fields={"x": ...}'
            )
        return {name: batch[key] for name, key in names.items()}
    if isinstance(batch, tuple) and "x" in getattr(batch, "_fields", ()):  # a named tuple
        return fields_of(dict(zip(batch._fields, batch, strict=True)), names)  # type: ignore[attr-defined]
    entries = list(batch) if isinstance(batch, tuple | list) else [batch]
    chosen = PAIR if names is None else tuple(names)
    if len(entries) > len(chosen) or "x" not in chosen[: len(entries)]:
        raise ValueError(
            f"a batch has {len(entries)} entries, and {', '.join(chosen)} are known by name: name "
            'them all, fields=["x", "label", ...]'
        )
    return dict(zip(chosen, entries, strict=False))


def as_tensor(name: str, value: Any) -> Tensor:
    """Return a field as a tensor.

    Raises:
        TypeError: If it is none, and no array.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return torch.from_numpy(np.require(value, requirements=["C", "W"]))
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} of a batch must be a tensor; got {type(value).__name__}: give a loader whose "
            "batches are tensors, or tuples or dicts of them"
        )
    return value
