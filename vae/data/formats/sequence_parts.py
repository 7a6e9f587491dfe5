"""Which of the arrays of a file are sequences, of which part, and what goes with each of them."""

__all__ = ["SequencePart", "parts_of"]

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.formats.array_fields import OWN
from vae.data.formats.array_keys import (
    DATA,
    LABELS,
    NONE,
    OTHERS,
    TRAIN,
    bare,
    counterpart,
    is_train,
    named,
)
from vae.data.formats.sequence_files import SAVE, Stored

LENGTHS = ("length", "lengths", "seq_len", "seq_lens", "seq_lengths", "sequence_lengths")
OFFSETS = ("offsets", "offset")
NAMES = {"mask": ("mask", "masks"), "time": ("time", "times")}
NUMBERED = re.compile(r"arr_\d+")  # what numpy.savez(path, *arrays) calls them


@dataclass
class SequencePart:
    """The sequences of one part, before they are padded.

    Attributes:
        x: ``(T_i, *event)`` each.
        labels: Of each, or ``None``.
        fields: What else is known, of each sequence an array; by name.
        left_out: Names of the arrays that fit nothing.
    """

    x: list[np.ndarray]
    labels: list[np.ndarray] | None = None
    fields: dict[str, list[np.ndarray]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


class Cuts(NamedTuple):
    """Where each sequence lies in an array.

    Attributes:
        lengths: ``(N,)``.
        starts: ``(N,)``, of arrays in which all steps follow each other; ``None`` of others.
        width: How many steps the array has: T of a padded one, the sum of all if they follow each
            other; 0 where each sequence is an array of its own.
    """

    lengths: np.ndarray
    starts: np.ndarray | None
    width: int

    def rows(self, column: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """Return what belongs to each sequence; ``None`` if the column has another length."""
        if isinstance(column, np.ndarray) and column.ndim == 0:
            return None
        if self.starts is not None and len(column) == self.width:
            ends = zip(self.starts, self.starts + self.lengths, strict=True)
            return [np.asarray(column[start:end]) for start, end in ends]
        if len(column) != len(self.lengths):
            return None
        if self.width and isinstance(column, np.ndarray) and column.shape[1:2] == (self.width,):
            return [row[:n] for row, n in zip(column, self.lengths, strict=True)]
        return [np.asarray(row) for row in column]


def parts_of(
    path: Path,
    stored: Stored,
    *,
    data_key: str | None,
    own_parts: bool | None,
    label_key: str | None,
    fields: Mapping[str, str] | None,
) -> dict[str, SequencePart]:
    """Return the sequences of ``train``, and of ``val`` and ``test`` where the file has them.

    Args:
        path: The file, for messages.
        stored: What it holds.
        data_key: Which array holds x; ``None`` goes by the names, as of `Array`, and takes each
            array for a sequence where none is so called.
        own_parts: Whether val and test are taken from the file; ``None`` if ``data_key`` is
            ``None``.
        label_key: Which array holds labels; ``None`` goes by the names, ``none`` wants none.
        fields: By field, which array holds it; ``None`` takes all that have a row for each
            sequence or step.

    Raises:
        ValueError: If an array is not there, or lengths do not fit.
    """
    for key in (data_key, label_key, *(fields or {}).values()):
        if key is not None and key not in stored and key != NONE:
            raise ValueError(f"{path} has no {key!r}; it has: {', '.join(stored) or 'nothing'}.")
    own = data_key is None if own_parts is None else own_parts
    key = data_key or key_of_data(stored)
    if key is None:
        return each_an_array(path, stored, own=own)
    found = {"train": part_of(path, stored, key, label_key, fields)}
    for part in OTHERS if own else ():
        if (other := counterpart(key, part, stored)) is None or len(stored[other]) == 0:
            continue
        names = {name: counterpart(k, part, stored) for name, k in (fields or {}).items()}
        if missing := [name for name, k in names.items() if k is None]:
            raise ValueError(f"{path} has {missing[0]}, but none for its part {part}.")
        told = None if fields is None else {name: k for name, k in names.items() if k}
        label = label_key if label_key in (None, NONE) else counterpart(label_key, part, stored)
        found[part] = part_of(path, stored, other, label, told, part)
    return found


def key_of_data(stored: Stored) -> str | None:
    """Return the array that holds all sequences of training, if there is one."""
    found = named(stored, DATA, train=True) or named(stored, DATA, train=False)
    if found is None and len(stored) == 1:
        return next(iter(stored))
    return found


def each_an_array(path: Path, stored: Stored, *, own: bool) -> dict[str, SequencePart]:
    """Return the sequences of a file in which each is an array; names may begin with a part."""
    if any(isinstance(array, list) or array.ndim < 1 for array in stored.values()):
        raise ValueError(
            f"{path} holds {', '.join(list(stored)[:8])}: set data.data_key to the one of x."
        )
    words = {"train": TRAIN, **OTHERS}
    found: dict[str, SequencePart] = {}
    for name, array in stored.items():
        parts = (part for part, begin in words.items() if name.lower().startswith(begin))
        part = next(parts, "train") if own else "train"
        found.setdefault(part, SequencePart([])).x.append(np.asarray(array))
    if "train" not in found:
        raise ValueError(f"{path} has no sequences to train on: it has {', '.join(found)} alone.")
    return found


def part_of(
    path: Path,
    stored: Stored,
    key: str,
    label_key: str | None,
    fields: Mapping[str, str] | None,
    part: str = "train",
) -> SequencePart:
    """Return the sequences of one part whose x is of the name ``key``."""

    def beside(names: Sequence[str]) -> str | None:
        first = named(stored, names, train=True) or named(stored, names, train=False)
        return first if part == "train" or first is None else counterpart(first, part, stored)

    length, offsets = (fields or {}).get("length") or beside(LENGTHS), beside(OFFSETS)
    cuts = cuts_of(path, key, stored[key], *(stored.get(k or "") for k in (length, offsets)))
    rows = cuts.rows(stored[key])
    assert rows is not None
    found = SequencePart(rows)
    taken = {key, length, offsets}
    label = beside(LABELS) if label_key is None else label_key
    if label not in (None, NONE):
        found.labels, taken = needed(path, label, cuts, stored), taken | {label}
    chosen = {name: k for name, names in NAMES.items() if (k := beside(names)) is not None}
    chosen |= {name: k for name, k in (fields or {}).items() if name != "length"}
    for name, k in chosen.items():
        found.fields[name], taken = needed(path, k, cuts, stored), taken | {k}
    if "time" in found.fields:  # in MATLAB a row or a column
        found.fields["time"] = [times.reshape(-1) for times in found.fields["time"]]
    for other, column in stored.items():
        name = bare(other)
        if other in taken or is_of_another(other, part, stored):
            continue
        fits = None if fields is not None or not is_name(name) else cuts.rows(column)
        if fits is None or fits[0].dtype.kind == "U":
            found.left_out.append(other)
        else:
            found.fields.setdefault(name, fits)
    return found


def is_name(name: str) -> bool:
    """Say whether a field may be so called."""
    return name.isidentifier() and name not in (*OWN, "length")


def is_of_another(key: str, part: str, stored: Stored) -> bool:
    """Say whether an array is that of another part."""
    others = {counterpart(name, p, stored): p for name in stored for p in OTHERS if is_train(name)}
    own = others.get(key, "train" if is_train(key) else part)
    return own != part


def needed(path: Path, key: str | None, cuts: Cuts, stored: Stored) -> list[np.ndarray]:
    """Return what belongs to each sequence of an array that must fit."""
    column = stored[key or ""]
    rows = cuts.rows(column)
    if rows is None and isinstance(column, np.ndarray) and column.size == len(cuts.lengths):
        rows = list(column.reshape(-1))  # of MATLAB, in which all is a matrix
    if rows is None:
        raise ValueError(
            f"{path}: {key} must have a row for each of the {len(cuts.lengths)} sequences, or for "
            f"each of their steps; it has {len(np.atleast_1d(column))}."
        )
    return rows


def cuts_of(
    path: Path,
    key: str,
    x: np.ndarray | list[np.ndarray],
    lengths: np.ndarray | list[np.ndarray] | None,
    offsets: np.ndarray | list[np.ndarray] | None,
) -> Cuts:
    """Return where each sequence lies.

    Raises:
        ValueError: If there is no telling, or lengths are not whole numbers that fit.
    """
    if isinstance(x, list):
        return cuts_of_each(path, np.array([len(np.atleast_1d(row)) for row in x]), lengths)
    if offsets is not None:
        bounds = whole(path, "offsets", offsets)
        bounds = bounds if len(bounds) and bounds[-1] == len(x) else np.append(bounds, len(x))
        if bounds[0] != 0 or (np.diff(bounds) < 1).any():
            raise ValueError(
                f"{path}: offsets must rise from 0, where each sequence begins, below {len(x)}."
            )
        return Cuts(np.diff(bounds), bounds[:-1], len(x))
    if lengths is not None:
        return cuts_by_length(path, key, x.shape, whole(path, "length", lengths))
    if x.ndim < 3:
        raise ValueError(
            f"{path}: {key} of shape {x.shape} may be one sequence or many: store length (N,) "
            f"beside it, or {SAVE}."
        )
    return Cuts(np.full(len(x), x.shape[1]), None, x.shape[1])


def cuts_of_each(
    path: Path, steps: np.ndarray, lengths: np.ndarray | list[np.ndarray] | None
) -> Cuts:
    """Return where sequences lie that are an array each, of which length may be told too."""
    told = steps if lengths is None else whole(path, "length", lengths)
    if len(told) != len(steps) or (told != steps).any():
        raise ValueError(
            f"{path}: length must be how many steps each sequence has: leave padding out of x."
        )
    return Cuts(steps, None, 0)


def cuts_by_length(path: Path, key: str, shape: tuple[int, ...], steps: np.ndarray) -> Cuts:
    """Return where sequences of known lengths lie: padded, or all steps one after the other."""
    rows = shape[0] if shape else 0
    follow = steps.sum() == rows and (len(shape) < 3 or len(steps) != rows)
    if not follow and (len(steps) != rows or len(shape) < 2):
        raise ValueError(
            f"{path}: {len(steps)} lengths, {steps.sum()} in sum, fit {key} of shape {shape} "
            "neither as (N, T, D) nor as all steps (ΣT, D) one after the other."
        )
    most = rows if follow else shape[1]
    if len(steps) == 0 or steps.min() < 1 or steps.max() > most:
        ends = f"{steps.min()} to {steps.max()}" if len(steps) else "nothing"
        raise ValueError(f"{path}: length must be from 1 to {most}; it is from {ends}.")
    return Cuts(steps, np.cumsum(steps) - steps if follow else None, most)


def whole(path: Path, name: str, values: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """Return whole numbers ``(N,)`` as int64."""
    try:
        found = np.asarray(values).reshape(-1)
    except ValueError as error:
        raise ValueError(f"{path}: {name} must be a whole number of each sequence.") from error
    if found.dtype.kind not in "iuf" or (found != np.round(found)).any():
        raise ValueError(f"{path}: {name} must be whole numbers; got {found.dtype}.")
    return found.astype(np.int64)
