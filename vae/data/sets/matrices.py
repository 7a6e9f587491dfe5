"""Matrix files of published data sets: NORB's own format, MATLAB 5 and HDF5."""

__all__ = ["hdf5_array", "hdf5_blocks", "matlab_array", "norb_matrix"]

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from vae.data.formats.headers import DAMAGE, ROWS

NORB_TYPES: dict[int, np.dtype[Any]] = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}


def norb_matrix(path: Path) -> np.ndarray:
    """Map a matrix of bytes or integers: magic number, dimensions (three at least), values.

    Raises:
        ValueError: If it is not such a file, or its length is not what its header says.

    References:
        The format is described beside the data: THE NORB DATASET, V1.0 (Huang, LeCun, 2005).
    """
    head = np.fromfile(path, "<i4", 2)
    dtype = NORB_TYPES.get(int(head[0])) if len(head) == 2 else None
    if dtype is None or not 1 <= head[1] <= 8:
        raise ValueError(f"{path.name} is no matrix of bytes or integers of NORB")
    stored = max(3, int(head[1]))
    shape = tuple(int(n) for n in np.fromfile(path, "<i4", stored, offset=8))[: head[1]]
    start = 8 + 4 * stored
    found = path.stat().st_size - start
    if min(shape, default=0) < 1 or found != prod(shape) * dtype.itemsize:
        raise ValueError(f"{path.name} is truncated: {found} bytes for shape {shape}")
    return np.memmap(path, dtype, "r", start, shape)


def matlab_array(path: Path, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read an array of bytes from a MATLAB 5 file; its size is checked before it is read.

    Raises:
        ValueError: If the file is damaged or has no such array.
    """
    from scipy.io import loadmat, whosmat
    from scipy.io.matlab import MatReadError

    try:
        found = {name: (size, kind) for name, size, kind in whosmat(str(path))}
        if found.get(key) != (shape, "uint8"):
            raise ValueError(f"it has no array {key} of bytes {shape}")
        array: np.ndarray = loadmat(str(path), variable_names=[key])[key]
    except (*DAMAGE, MatReadError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ValueError(f"{path.name} is not the MATLAB file expected: {reason}") from error
    return array


def hdf5_array(path: Path, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Read a whole array of an HDF5 file, of the given shape.

    Raises:
        ValueError: If the file is damaged or has no such array.
    """
    return np.concatenate(list(_hdf5(path, key, shape)))


def hdf5_blocks(path: Path, key: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield an array of bytes of an HDF5 file in parts ``(n, *shape[1:])``, never held whole.

    Raises:
        ValueError: If the file is damaged or has no such array of uint8.
    """
    for block in _hdf5(path, key, shape):
        if block.dtype != np.uint8:
            raise ValueError(f"{path.name}: {key} holds {block.dtype}, not bytes")
        yield block


def _hdf5(path: Path, key: str, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            array = file.get(key)
            # A virtual or external array would read other files of this machine.
            own = isinstance(file.get(key, getlink=True), h5py.HardLink)
            plain = own and isinstance(array, h5py.Dataset) and not array.is_virtual
            if not plain or array.external or array.shape != shape or array.dtype.kind not in "uf":
                raise ValueError(f"it has no plain array {key} of numbers {shape}")
            for start in range(0, len(array), ROWS):
                yield array[start : start + ROWS]
    except DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ValueError(f"{path.name} is not the HDF5 file expected: {reason}") from error
