"""Sequences of unequal lengths as arrays: padded to the longest, with what is known of each."""

__all__ = ["PaddedPart", "pad_parts"]

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.formats.array_fields import KINDS, kept_as
from vae.data.formats.sequence_parts import SequencePart
from vae.data.precision import narrowed

Shape = tuple[int, ...]


class PaddedPart(NamedTuple):
    """The sequences of one part.

    Attributes:
        x: ``(N, T, *event)``, 0 beyond each length and where a value is missing.
        fields: ``length`` ``(N,)`` int64, ``mask`` if values are missing, and others.
    """

    x: np.ndarray
    fields: dict[str, np.ndarray]


def pad_parts(path: Path, parts: Mapping[str, SequencePart]) -> dict[str, PaddedPart]:
    """Return the parts, all padded to the longest sequence of the file.

    Raises:
        ValueError: If sequences are empty or unlike each other, or a field does not fit.
    """
    listed = {part: [events(row) for row in found.x] for part, found in parts.items()}
    everything = [row for rows in listed.values() for row in rows]
    check_alike(path, "x", everything)
    if any(len(row) == 0 for row in everything):
        number = next(i for i, row in enumerate(everything, 1) if len(row) == 0)
        raise ValueError(f"{path}: sequence {number} has no steps: leave it out.")
    if any(row.dtype.kind not in KINDS for row in everything):
        raise ValueError(f"{path}: x must hold real numbers; got {everything[0].dtype}.")
    width = max(len(row) for row in everything)
    masks = {part: known(path, parts[part], rows) for part, rows in listed.items()}
    gaps = any(mask is not None for mask in masks.values())
    dtype = dtype_of(everything, masks.values())
    names = sorted({name for part in parts.values() for name in part.fields} - {"mask"})
    for name in names:
        check_field(path, name, {part: found.fields.get(name) for part, found in parts.items()})
    steps = [name for name in names if is_per_step(name, parts)]
    found = {}
    for part, rows in listed.items():
        fields = {"length": np.array([len(row) for row in rows], np.int64)}
        mask = masks[part]
        if gaps:
            whole = [np.ones(len(row), np.bool_) for row in rows] if mask is None else mask
            fields["mask"] = padded(spread(whole, masks.values(), rows), width, np.dtype(np.bool_))
        for name in names:
            column = parts[part].fields[name]
            fields[name] = field_of(path, name, column, width if name in steps else None)
        values = rows if mask is None else [filled(x, m) for x, m in zip(rows, mask, strict=True)]
        found[part] = PaddedPart(padded(values, width, dtype), fields)
    return found


def events(row: np.ndarray) -> np.ndarray:
    """Return one sequence as ``(T, *event)``: of single numbers ``(T, 1)``."""
    return row.reshape(-1, 1) if row.ndim < 2 else row


def check_alike(path: Path, name: str, rows: Sequence[np.ndarray], *, start: int = 1) -> None:
    """Refuse sequences whose steps are of other shapes than those of the first."""
    for number, row in enumerate(rows, 1):
        if row.shape[start:] != rows[0].shape[start:]:
            raise ValueError(
                f"{path}: {name} of sequence {number} has shape {row.shape}, which must be "
                f"(T, {', '.join(map(str, rows[0].shape[start:]))}) as of the first."
            )


def known(path: Path, part: SequencePart, rows: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return which values of each sequence are known, ``(T,)`` or ``(T, *event)``; None: all are.

    NaN is a missing value.
    """
    given = part.fields.get("mask")
    holes = [np.isnan(row) if row.dtype.kind == "f" else np.zeros((), np.bool_) for row in rows]
    if given is None:
        return [~hole for hole in holes] if any(hole.any() for hole in holes) else None
    found = []
    for number, (mask, row, hole) in enumerate(zip(given, rows, holes, strict=True), 1):
        mask = mask.reshape(-1) if mask.size == len(row) and mask.ndim > 1 else mask
        if mask.shape not in (row.shape[:1], row.shape) or not np.isin(mask, (0, 1)).all():
            raise ValueError(
                f"{path}: mask of sequence {number} must hold truth values of shape "
                f"{row.shape[:1]} or {row.shape}; got {mask.dtype} of shape {mask.shape}."
            )
        whole = over(mask.astype(np.bool_), row)
        found.append(whole & ~hole if (hole & whole).any() else mask.astype(np.bool_))
    return found


def over(mask: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return a mask of steps or values as one of values, ``(T, *event)``."""
    lead = mask.reshape(*mask.shape, *(1,) * (row.ndim - mask.ndim)) if mask.ndim else mask
    return np.broadcast_to(lead, row.shape)


def spread(
    mask: Sequence[np.ndarray],
    others: Iterable[Sequence[np.ndarray] | None],
    rows: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Return masks of values where one of them is of values, else of steps."""
    ranks = {m.ndim for part in (mask, *others) if part is not None for m in part}
    return list(mask) if ranks == {1} else [over(m, x) for m, x in zip(mask, rows, strict=True)]


def filled(row: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a sequence with 0 where a value is missing."""
    return np.where(over(mask, row), row, np.zeros((), row.dtype))


def dtype_of(rows: Sequence[np.ndarray], masks: Iterable[object]) -> np.dtype:
    """Return the type in which values are kept: uint8 of bytes and bits, else of floats."""
    if holds_bits(rows) or all(row.dtype == np.uint8 for row in rows):
        return np.dtype(np.uint8)
    flat = np.concatenate([np.nan_to_num(row.reshape(len(row), -1)) for row in rows])
    return narrowed(flat).dtype


def holds_bits(rows: Iterable[np.ndarray]) -> bool:
    """Say whether all known values are 0 or 1, and one is 1."""
    one = False
    for row in rows:
        if not ((row == 0) | (row == 1) | np.isnan(row)).all():
            return False
        one = one or bool((row == 1).any())
    return one


def padded(rows: Sequence[np.ndarray], width: int, dtype: np.dtype) -> np.ndarray:
    """Return sequences ``(T_i, *event)`` as ``(N, width, *event)``, 0 beyond each."""
    found = np.zeros((len(rows), width, *rows[0].shape[1:]), dtype)
    with np.errstate(over="ignore"):
        for place, row in zip(found, rows, strict=True):
            place[: len(row)] = row
    return found


def is_per_step(name: str, parts: Mapping[str, SequencePart]) -> bool:
    """Say whether a field has a value for each step of every sequence."""
    return all(
        np.ndim(value) > 0 and len(value) == len(events(x))
        for part in parts.values()
        for value, x in zip(part.fields[name], part.x, strict=True)
    )


def check_field(path: Path, name: str, parts: Mapping[str, list[np.ndarray] | None]) -> None:
    """Refuse a field that a part lacks, or that holds no numbers."""
    for part, column in parts.items():
        if column is None:
            raise ValueError(f"{path} has {name}, but none for its part {part}.")
        if any(value.dtype.kind not in KINDS for value in column):
            raise ValueError(f"{path}: the field {name} must hold numbers; got texts.")


def field_of(path: Path, name: str, column: list[np.ndarray], width: int | None) -> np.ndarray:
    """Return a field of each sequence, or of each of its steps, padded with 0.

    Raises:
        ValueError: If shapes differ, values are not finite, or times do not rise.
    """
    if name == "time":
        if width is None or any(value.size != len(value) for value in column):
            raise ValueError(f"{path}: time must be a number for each step of each sequence.")
        column = [value.reshape(-1).astype(np.float64) for value in column]
        check_times(path, column)
    check_alike(path, f"the field {name}", column, start=0 if width is None else 1)
    kind = np.result_type(*{value.dtype for value in column})
    dtype = np.dtype(np.float32 if name == "time" else kept_as(kind))
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.stack(column).astype(dtype) if width is None else padded(column, width, dtype)
    if not np.isfinite(found).all():
        raise ValueError(
            f"{path}: the field {name} holds values that are not finite, or too large for {dtype}."
        )
    return found


def check_times(path: Path, column: Sequence[np.ndarray]) -> None:
    """Refuse times that do not rise, or whose differences float32 loses."""
    for number, times in enumerate(column, 1):
        if not (np.diff(times) > 0).all():
            raise ValueError(f"{path}: time of sequence {number} must rise from step to step.")
        with np.errstate(over="ignore"):
            if not (np.diff(times.astype(np.float32)) > 0).all():
                raise ValueError(
                    f"{path}: steps of sequence {number} lie too close in time for float32: "
                    "subtract where each sequence begins."
                )
