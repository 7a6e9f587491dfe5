"""Decoded pictures in one memory-mapped file, made once and checked whenever it is used."""

__all__ = [
    "CACHE",
    "Kept",
    "bombs_are_errors",
    "cache_key",
    "cached_blocks",
    "cached_bytes",
    "decoded_files",
    "make_room",
    "read_record",
    "recalled",
    "stored",
]

import hashlib
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image
from rich.progress import track
from torch import Tensor

from vae.data.cores import usable_cores
from vae.data.formats.headers import DAMAGE
from vae.data.formats.mapped import MappedFile, mapped_bytes
from vae.data.sums import block_sums, is_whole
from vae.files import check_whole, remove_abandoned, replace_durably
from vae.terminal import say

T = TypeVar("T")
CACHE = "~/.cache/vae"
# Room that must remain: a full disk would take the run's checkpoints with it.
SPARE_BYTES = 64 << 20
SIZE, SUMS = "size", "sums"  # of the pictures, in the record beside them


class Kept(NamedTuple):
    """A cache of pictures.

    Attributes:
        x: Its bytes, uint8, memory-mapped.
        file: That they are mapped from.
        record: What else was written down, by name.
    """

    x: Tensor
    file: MappedFile
    record: Mapping[str, np.ndarray]


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
) -> Kept:
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
    with bombs_are_errors(), ThreadPool(usable_cores()) as pool:
        pictures = pool.imap(decode, files, chunksize=16)
        yield from track(pictures, "Decoding pictures", len(files), transient=True)


def cached_blocks(
    folder: str | Path,
    key: str,
    shape: tuple[int, ...],
    blocks: Callable[[], Iterable[np.ndarray]],
) -> Kept:
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
    kept = recalled(path)
    if kept is None or len(kept.x) != size:
        make_room(path.parent, size)
        kept = stored(path, lambda out: write_blocks(out, size, blocks()), dict)
    return kept._replace(x=kept.x.view(shape))


def write_blocks(out: IO[bytes], size: int, blocks: Iterable[np.ndarray]) -> None:
    """Write arrays one after the other.

    Raises:
        ValueError: If they are not of so many bytes together.
    """
    for block in blocks:
        out.write(np.ascontiguousarray(block).tobytes())
        if out.tell() > size:  # before it fills the disk
            break
    if (written := out.tell()) != size:
        raise ValueError(
            f"there are {'more' if written > size else 'fewer'} pictures than expected"
        )


def recalled(path: Path) -> Kept | None:
    """Return a cache that an earlier run left; ``None`` if there is none that is whole.

    One that is damaged is told, and is to be written anew.
    """
    if not path.is_file():
        return None
    try:
        record = read_record(path.with_suffix(".npz"))
        x, file = mapped_bytes(path), MappedFile(path)
        if record[SIZE] == len(x) and is_whole(x, record[SUMS]):
            return Kept(x, file, record)
        reason = "is damaged"
    except DAMAGE:
        reason = "is damaged, or was left by an older version without checksums"
    say(f"the cache {path} {reason}: the pictures are read anew")
    return None


def read_record(path: Path) -> dict[str, np.ndarray]:
    """Read what lies beside a cache; its checksums must fit."""
    check_whole(path)
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


def stored(
    path: Path,
    pictures: Callable[[IO[bytes]], object],
    record: Callable[[], Mapping[str, np.ndarray]],
) -> Kept:
    """Write a cache, and beside it its checksums and what else is to be known of it.

    Args:
        path: Where; the folder exists.
        pictures: Writes them.
        record: Called afterwards.

    Raises:
        ValueError: If it cannot be written, or from ``pictures``.
    """
    kept: dict[str, Any] = {}

    def write(out: IO[bytes]) -> None:
        pictures(out)
        out.flush()
        x = mapped_bytes(Path(out.name))
        kept.update(record(), **{SIZE: np.array(len(x)), SUMS: block_sums(x)})

    remove_abandoned(path.parent, "pictures-*")
    try:
        replace_durably({path: write, path.with_suffix(".npz"): lambda out: np.savez(out, **kept)})
    except OSError as error:
        raise ValueError(
            f"The cache {path} could not be written ({error}): set data.cache to another folder."
        ) from error
    return Kept(mapped_bytes(path), MappedFile(path), kept)


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


def bombs_are_errors() -> warnings.catch_warnings:
    """Let Pillow refuse pictures that are suspiciously large, where it would warn."""
    # Set here and not where a picture is opened: warning filters are shared by all threads.
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)
