"""From an array of labels, whatever their values, to classes 0…C−1 with names."""

__all__ = ["MAX_CLASSES", "Classes", "as_classes"]

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

MAX_CLASSES = 2000  # that are numbered anew; a checkpoint keeps their names
LONGEST = 40  # letters of a name that are kept


class Classes(NamedTuple):
    """Labels of each part, and what they stand for.

    Attributes:
        labels: ``(N,)`` int64 from 0 to ``num_classes`` − 1, by part.
        num_classes: How many classes there are.
        names: Of the classes, in order; empty where the labels were 0…C−1 as stored.
        told: How they were read, for the run's summary.
    """

    labels: dict[str, Tensor]
    num_classes: int
    names: tuple[str, ...]
    told: str


def as_classes(
    stored: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    num_classes: int | None,
    *,
    subject: str,
) -> Classes:
    """Return the classes that arrays of labels name.

    Integers 0…C−1 stay as they are. Others with gaps or below 0, texts and truth values are
    numbered in sorted order. Of one-hot rows ``(N, C)`` the place of the one is taken.

    Args:
        stored: ``(N,)``, ``(N, 1)`` or ``(N, C)``, by part.
        sizes: N of each part.
        num_classes: How many classes there are, of labels that are then 0…C−1; ``None`` counts.
        subject: What they are, for messages.

    Raises:
        ValueError: If they are no classes.
    """
    if all(is_one_hot(array, sizes[name]) for name, array in stored.items()):
        return of_one_hot(stored, num_classes, subject)
    columns = {name: column(array, sizes[name], subject) for name, array in stored.items()}
    everything = np.concatenate(list(columns.values()))
    if num_classes is not None:
        check_range(everything, num_classes, subject)
    values, index = np.unique(everything, return_inverse=True)
    whole = everything.dtype.kind in "iu"
    if num_classes is not None or (whole and values[0] == 0 and values[-1] == len(values) - 1):
        count = int(values[-1]) + 1
        return Classes(tensors(columns), max(count, num_classes or 1), (), f"{count} classes")
    ends = np.cumsum([len(c) for c in columns.values()])[:-1]
    return numbered(values, dict(zip(columns, np.split(index, ends), strict=True)), subject)


def of_one_hot(stored: Mapping[str, np.ndarray], num_classes: int | None, subject: str) -> Classes:
    """Return the classes of one-hot rows ``(N, C)``, by part."""
    places = {name: array.argmax(1) for name, array in stored.items()}
    width = max(array.shape[1] for array in stored.values())
    if num_classes is not None:
        check_range(np.concatenate(list(places.values())), num_classes, subject)
    return Classes(tensors(places), num_classes or width, (), f"{width} classes, one-hot")


def numbered(values: np.ndarray, parts: Mapping[str, np.ndarray], subject: str) -> Classes:
    """Return the classes of sorted values ``(C,)``, of which each part holds the numbers.

    Raises:
        ValueError: If they are too many.
    """
    if len(values) > MAX_CLASSES:
        raise ValueError(
            f"{subject} take {len(values):,} values, more than {MAX_CLASSES:,} classes: store them "
            "as integers from 0 without gaps if that is meant, or use data.label_key=none"
        )
    names = tuple(name_of(value) for value in values)
    kinds = f"{len(names)} classes, numbered from 0 in the order {names[0]}…{names[-1]}"
    return Classes(tensors(parts), len(names), names, kinds)


def is_one_hot(array: np.ndarray, size: int) -> bool:
    """Say whether an array is ``(N, C)`` with a single 1 in each row and 0 elsewhere."""
    if (
        array.ndim != 2
        or len(array) != size
        or array.shape[1] < 2
        or array.dtype.kind not in "iubf"
    ):
        return False
    return bool(((array == 1).sum(1) == 1).all() and ((array == 0).sum() == array.size - size))


def column(array: np.ndarray, size: int, subject: str) -> np.ndarray:
    """Return labels as ``(N,)``.

    Raises:
        ValueError: If they are not one label an example.
    """
    if array.shape not in ((size,), (size, 1)) or array.dtype.kind not in "iubUS":
        real = array.dtype.kind == "f"
        hint = ", and real numbers are no classes: use data.label_key=none" if real else ""
        raise ValueError(
            f"{subject} must be {size} integers or texts, (N,), (N, 1) or one-hot; got "
            f"{array.dtype} of shape {array.shape}{hint}"
        )
    return array.reshape(size)


def check_range(labels: np.ndarray, num_classes: int, subject: str) -> None:
    """Refuse labels that are not 0…C−1 for a given C."""
    given = f"data.num_classes={num_classes}"
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"{subject} must be integers from 0 up under {given}; got {labels.dtype} from "
            f"{labels.min()}: leave it null to have them numbered"
        )
    if labels.max() >= num_classes:
        raise ValueError(f"{subject} reach {labels.max()}, but {given}: raise it, or leave it null")


def name_of(value: np.generic) -> str:
    """Return the name of a class from the value that stands for it."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:LONGEST]


def tensors(parts: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Return labels as int64."""
    return {name: torch.from_numpy(labels.astype(np.int64)) for name, labels in parts.items()}
