"""What files of sequences hold, by name: .npz, MATLAB's .mat, and JSON in lines. No pickles."""

__all__ = ["SAVE", "Stored", "read_stored"]

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vae.data.formats.foreign import HDF5, MATLAB_7, foreign_file
from vae.data.formats.headers import ZIP, load_array, read_headers
from vae.data.formats.matlab import MATLAB, read_matlab

Stored = dict[str, np.ndarray | list[np.ndarray]]  # an array, or an array for each sequence
HEAD = 4096  # bytes that are looked at
NUMPY = b"\x93NUMPY"
KINDS = "an .npz file, a .mat file of MATLAB, or a .jsonl file with a JSON object in each line"
SAVE = "numpy.savez(path, *sequences), an array T × D of each"


def read_stored(path: Path) -> Stored:
    """Return the arrays of a file by name; lists of one array a sequence where it holds such.

    Its first bytes say what it is, and not its name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another kind of file, is damaged, or holds Python objects.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file: set data.path to {KINDS}.")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(ZIP):
        return read_archive(path)
    if head.startswith(MATLAB):
        return read_matlab(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return read_lines(path)
    raise ValueError(f"{path} {what_else(path, head)}")


def what_else(path: Path, head: bytes) -> str:
    """Say what a file is that holds no sequences, and what to do."""
    if head.startswith(NUMPY):
        return (
            "holds one array alone: data=array 'data.fields={length: lengths}' reads (N, T, D) "
            f"from an .npz file, and data=sequences reads what {SAVE}, writes."
        )
    if head.startswith(MATLAB_7) or HDF5 in head:
        return "is HDF5, as MATLAB 7.3 writes it: save it in MATLAB by save(path, 'x', '-v7')."
    if head[:1] == b"\x80":
        return f"is a pickle, which can run code and is not read: save by {SAVE}."
    if told := foreign_file(path, for_table=True):
        return f"is none of sequences. {told}"
    return f"must be {KINDS}."


def read_archive(path: Path) -> Stored:
    """Return the arrays of an ``.npz`` file."""
    headers = read_headers(path)
    if objects := [key for key, header in headers.items() if header.dtype.hasobject]:
        raise ValueError(
            f"{path} holds Python objects as {objects[0]}, which need a pickle, and that is not "
            f"read: save sequences of unequal lengths by {SAVE}."
        )
    return {key: load_array(path, key) for key in headers}


def read_lines(path: Path) -> Stored:
    """Return the fields of the objects of a file, one in each line, as lists of arrays.

    Raises:
        ValueError: Naming the line that is no JSON object, lacks a field or holds no numbers.
    """
    found: dict[str, list[np.ndarray]] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = f"{path}, line {number}"
            fields = as_object(place, line)
            if found and set(fields) != set(found):
                other = sorted(set(fields) ^ set(found))[0]
                raise ValueError(
                    f"{place}: all lines must have the same fields as the first; {other} is in one "
                    "of them alone."
                )
            for name, value in fields.items():
                found.setdefault(name, []).append(as_numbers(f"{place}: {name}", value))
    return dict(found)


def as_object(place: str, line: bytes) -> Mapping[str, Any]:
    """Return a line of JSON as a mapping that has x."""
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ValueError(f"{place} is no JSON ({reason}): correct or remove it.") from error
    if not isinstance(found, dict) or "x" not in found:
        raise ValueError(
            f'{place} must be an object with x, such as {{"x": [[0.5, 1], [0.7, 2]]}}.'
        )
    return found


def as_numbers(place: str, value: Any) -> np.ndarray:
    """Return nested lists of numbers, or a text, as an array; null is NaN."""
    try:
        array = np.array(value)
        if array.dtype == object:  # null, or more than 64 bits
            array = np.array(value, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"{place} must be numbers in lists that are equally long, T × D."
        ) from error
    if array.dtype.kind not in "biufU":
        raise ValueError(f"{place} must be numbers; got {array.dtype}.")
    return array
