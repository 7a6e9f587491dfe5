"""Decoded pictures in one memory-mapped file, made once."""

__all__ = [
    "CACHE",
    "bombs_are_errors",
    "cache_key",
    "cached_blocks",
    "cached_bytes",
    "decoded_files",
    "make_room",
    "mapped",
]

import hashlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from rich.progress import track
from torch import Tensor

T = TypeVar("T")
CACHE = "~/.cache/vae"
# Room that must remain: a full disk would take the run's checkpoints with it.
SPARE_BYTES = 64 << 20


def cache_key(files: Sequence[Path], *settings: object) -> str:
    """Return a name that changes with any file's path, size or time, and with any setting."""
    digest = hashlib.sha256(repr(settings).encode())
    for file in files:
        stat = file.stat()
        digest.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode("utf-8", "replace"))
    return digest.hexdigest()[:20]


def cached_bytes(
    folder: str | Path,
    key: str,
    files: Sequence[Path],
    shape: tuple[int, ...],
    decode: Callable[[Path], np.ndarray],
) -> Tensor:
    """Return ``(len(files), *shape)`` uint8, memory-mapped, decoding the files if need be.

    Args:
        folder: Where caches are kept; made if it is missing.
        key: What distinguishes this cache (`cache_key`).
        files: One file per example.
        shape: Shape of one decoded example.
        decode: From a file to an array of ``shape``, uint8; called from several threads.

    Raises:
        ValueError: If the folder cannot be written or has too little room, or from ``decode``.
    """
    return cached_blocks(folder, key, (len(files), *shape), lambda: decoded_files(files, decode))


def decoded_files(files: Sequence[Path], decode: Callable[[Path], T]) -> Iterator[T]:
    """Yield what several threads make of files, in their order, and show how far they are."""
    with bombs_are_errors(), ThreadPool(os.cpu_count()) as pool:
        pictures = pool.imap(decode, files, chunksize=16)
        yield from track(pictures, "Decoding pictures", len(files), transient=True)


def cached_blocks(
    folder: str | Path,
    key: str,
    shape: tuple[int, ...],
    blocks: Callable[[], Iterable[np.ndarray]],
) -> Tensor:
    """Return a uint8 tensor of ``shape``, memory-mapped, writing its parts if need be.

    Args:
        folder: Where caches are kept; made if it is missing.
        key: What distinguishes this cache (`cache_key`).
        shape: Of the whole.
        blocks: Called if there is no cache yet; its uint8 arrays are the whole, in row-major order.

    Raises:
        ValueError: If the folder cannot be written or has too little room, if the blocks are not
            of that size together, or from ``blocks``.
    """
    path = Path(folder).expanduser().absolute() / f"pictures-{key}.u8"
    size = prod(shape)
    if not path.is_file() or path.stat().st_size != size:
        make_room(path.parent, size)
        _write(path, size, blocks)
    return mapped(path, shape)


def mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """Return a file as a uint8 tensor of ``shape``, which stays there until it is used."""
    size = prod(shape)
    return torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8).view(shape)


def make_room(folder: Path, size: int) -> None:
    """Make a cache folder.

    Raises:
        ValueError: If it cannot be made, or has no room for so many bytes.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ValueError(
            f"The cache folder {folder} cannot be made ({error.strerror}): "
            "set data.cache to a folder that can be written."
        ) from error
    if free < size + SPARE_BYTES:
        raise ValueError(
            f"The cache of decoded pictures needs {size / 1e9:.2f} GB, and {folder} has "
            f"{free / 1e9:.2f} GB free: make room, set data.cache to another folder, or use "
            "smaller or fewer pictures."
        )


def _write(path: Path, size: int, blocks: Callable[[], Iterable[np.ndarray]]) -> None:
    # Written under another name, so that a run that is killed leaves no half a cache behind.
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as out:
            for block in blocks():
                out.write(np.ascontiguousarray(block).tobytes())
                if out.tell() > size:  # before it fills the disk
                    break
            out.flush()
            os.fsync(out.fileno())
        if (written := temporary.stat().st_size) != size:
            more = "more" if written > size else "fewer"
            raise ValueError(f"there are {more} pictures than expected")
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(
            f"The cache {path} could not be written ({error}): set data.cache to another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def bombs_are_errors() -> warnings.catch_warnings:
    """Let Pillow refuse pictures that are suspiciously large, where it would warn."""
    # Set here and not where a picture is opened: warning filters are shared by all threads.
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)
