"""Shape, type and names of NumPy files, read without their data."""

__all__ = [
    "DAMAGE",
    "ArrayHeader",
    "array_blocks",
    "data_key",
    "load_array",
    "read_header",
    "read_headers",
]

import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np

from vae.data import damage

ROWS = 1024  # of an array that are read at once
DATA_KEYS = ("data", "x", "images", "arr_0")
# Of numpy and zipfile, at what is no header, no archive or no data of that shape.
DAMAGE = (*damage.DAMAGE, BadZipFile, TokenError, zlib.error)


class ArrayHeader(NamedTuple):
    """Shape and type of one stored array, and whether its first index runs fastest."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool


def read_headers(path: Path, setting: str = "data.path") -> dict[str, ArrayHeader]:
    """Return the header of every array of an ``.npz`` file, or of the one ``""`` of an ``.npy``.

    Args:
        path: The file.
        setting: What names it, for messages.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a NumPy file.
    """
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "is no file"
        raise FileNotFoundError(f"{path} {kind}: set {setting} to an .npy or .npz file.")
    try:
        if path.suffix == ".npz":
            with ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".npy")]
                return {n.removesuffix(".npy"): read_header(archive.open(n)) for n in names}
        with path.open("rb") as file:
            return {"": read_header(file)}
    except DAMAGE as error:
        raise ValueError(_unreadable(path, error)) from error


def read_header(file: IO[bytes]) -> ArrayHeader:
    """Return the header of an ``.npy`` file, and leave the file where its values begin."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"version {version} of the format is not supported")
    shape, fortran, dtype = read(file)
    return ArrayHeader(shape, dtype, fortran)


def _unreadable(path: Path, error: Exception) -> str:
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return f"{path} is damaged or no NumPy .npy or .npz file ({reason}): save it again."


def data_key(path: Path, headers: dict[str, ArrayHeader], key: str | None) -> str:
    """Return which array holds the data: the one asked for, the only one, or one so called.

    Raises:
        ValueError: If there is no such array, or no telling which is meant.
    """
    listed = ", ".join(headers)
    if key is not None and key not in headers:
        raise ValueError(f"{path} has no array {key!r}; it has: {listed or 'none'}.")
    found = [key] if key is not None else [k for k in DATA_KEYS if k in headers] or list(headers)
    if not found or (key is None and len(found) > 1 and found[0] not in DATA_KEYS):
        raise ValueError(f"{path} holds the arrays {listed or '(none)'}: set data.data_key to one.")
    return found[0]


def load_array(path: Path, key: str, *, mapped: bool = False) -> np.ndarray:
    """Read one array; ``key`` is ``""`` for an ``.npy`` file. Pickled objects are never loaded.

    Args:
        path: The file.
        key: Which of its arrays.
        mapped: Leave the values of an ``.npy`` file there until they are used. What is written to
            them stays in memory.

    Raises:
        ValueError: If the file is damaged, or holds Python objects.
    """
    try:
        loaded = np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return loaded[key]
    except DAMAGE as error:
        raise ValueError(_unreadable(path, error)) from error


def array_blocks(path: Path, key: str, event: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield an array of bytes in an ``.npz`` file as parts ``(n, *event)``, never held whole.

    Raises:
        ValueError: If the file is damaged or shorter than its header says, or the array is no
            uint8 ``(..., *event)``.
    """
    try:
        with ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            shape, dtype, fortran = read_header(file)
            if dtype != np.uint8 or fortran or shape[-len(event) :] != event:
                raise ValueError(f"{key} is {dtype} {shape}, not uint8 (..., {event})")
            count, size = prod(shape[: -len(event)]), prod(event)
            for start in range(0, count, ROWS):
                rows = min(ROWS, count - start)
                data = file.read(rows * size)
                yield np.frombuffer(data, np.uint8).reshape(rows, *event)
    except DAMAGE as error:
        raise ValueError(_unreadable(path, error)) from error
