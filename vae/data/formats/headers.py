"""Shape, type and names of NumPy files, read without their data."""

__all__ = [
    "BLOCK",
    "DAMAGE",
    "DATA_KEYS",
    "ArrayHeader",
    "array_blocks",
    "data_key",
    "load_array",
    "read_header",
    "read_headers",
    "stored_bytes",
]

import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np

from vae.data.formats import damage
from vae.data.formats.foreign import SPARSE, foreign_file, foreign_folder

ROWS = 1024  # of an array that are read at once
BLOCK = 1 << 24  # bytes that are looked at at once
ZIP = b"PK"  # what an .npz file begins with, whatever it is called
DATA_KEYS = ("data", "x", "images", "arr_0", "imgs", "X")
# Of numpy and zipfile, at what is no header, no archive or no data of that shape.
DAMAGE = (*damage.DAMAGE, BadZipFile, TokenError, zlib.error)


class ArrayHeader(NamedTuple):
    """Shape and type of one stored array, and whether its first index runs fastest."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool


def read_headers(path: Path, setting: str = "data.path") -> dict[str, ArrayHeader]:
    """Return the header of every array of an ``.npz`` file, or of the one ``""`` of an ``.npy``.

    Which of the two it is, its first bytes say and not its name.

    Args:
        path: The file.
        setting: What names it, for messages.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a NumPy file; where it is known what it is, with the line that
            makes one of it.
    """
    if not path.is_file():
        if path.is_dir():
            raise FileNotFoundError(foreign_folder(path, setting))
        raise FileNotFoundError(f"{path} is no file: set {setting} to an .npy or .npz file.")
    try:
        with path.open("rb") as file:
            if file.read(len(ZIP)) != ZIP:
                file.seek(0)
                return {"": read_header(file)}
        with ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            if not names or set(names) >= SPARSE:
                raise ValueError("it holds no arrays")
            return {n.removesuffix(".npy"): read_header(archive.open(n)) for n in names}
    except DAMAGE as error:
        raise ValueError(foreign_file(path) or _unreadable(path, error)) from error


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


def data_key(path: Path, headers: Mapping[str, ArrayHeader], key: str | None) -> str:
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
        if "Object arrays" in str(error):
            raise ValueError(
                f"{path} holds Python objects{f' as {key}' if key else ''}, which are not read: "
                "store numbers or texts, x.astype('U')."
            ) from error
        raise ValueError(_unreadable(path, error)) from error


def stored_bytes(path: Path, key: str) -> Iterator[np.ndarray]:
    """Yield the values of an array of bytes, flat and some megabytes at once, never held whole.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        with ExitStack() as stack:
            if key:
                archive = stack.enter_context(ZipFile(path))
                file = stack.enter_context(archive.open(f"{key}.npy"))
            else:
                file = stack.enter_context(path.open("rb"))
            read_header(file)
            while block := file.read(BLOCK):
                yield np.frombuffer(block, np.uint8)
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
