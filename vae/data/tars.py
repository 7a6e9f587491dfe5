"""Where the members of tar files lie, so that each can be read without those before it."""

__all__ = ["Index", "index_of", "member_at", "read_member"]

import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from vae.data.cache import cache_key
from vae.data.damage import DAMAGE
from vae.files import replace_durably

VERSION = 1  # of what is kept
LABEL = "cls"
BLOCK = 512  # bytes of a tar's unit
MOST_DIGITS = 18  # of a label


@dataclass(frozen=True)
class Index:
    """The examples of some tar files, in the order in which they stand there.

    Args:
        places: ``(N, 3)`` int64: which file an example is in, where in that file it begins, and its
            length, in bytes.
        labels: ``(N,)`` int64, or of length 0 if there are none.
    """

    places: np.ndarray
    labels: np.ndarray


def index_of(files: Sequence[Path], member: str, cache: str | Path) -> Index:
    """Return where the examples of some tar files are; read once, then kept in a file.

    Args:
        files: The tar files.
        member: What the names of the members end in, after the dot.
        cache: The folder of that file; made if it is missing.

    Raises:
        ValueError: Naming the file, if it is damaged, or if an example lacks the member or a label.
    """
    folder = Path(cache).expanduser().absolute()
    path = folder / f"shards-{cache_key(files, member, VERSION)}.npz"
    if not path.is_file():
        index = joined([scanned(file, member, i) for i, file in enumerate(files)])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_durably({path: lambda out: np.savez(out, **vars(index))})
        except OSError as error:
            raise ValueError(
                f"The index {path} could not be written ({error.strerror}): set data.cache to a "
                "folder that can be."
            ) from error
    with np.load(path, allow_pickle=False) as kept:
        return Index(**kept)


def joined(parts: Sequence[Index]) -> Index:
    """Return the index of several files from those of each."""
    places = np.concatenate([part.places for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    if len(labels) not in (0, len(places)):
        raise ValueError("some shards have labels (.cls) and others have none: give all or none.")
    return Index(places, labels)


def scanned(file: Path, member: str, number: int) -> Index:
    """Return where the examples of one tar file are; only headers and labels are read.

    Args:
        file: The tar file.
        member: What the names of the members end in.
        number: Of the file, among others.

    Raises:
        ValueError: Naming the file.
    """
    places, labels = [], []
    for key, members in samples(file):
        if member not in members:
            raise ValueError(f"{file}: {key} has no .{member}, but {', '.join(members)}.")
        places.append((number, members[member].offset_data, members[member].size))
        if LABEL in members:
            found = members[LABEL]
            labels.append(label(read_member(file, found.offset_data, found.size), file, key))
    if labels and len(labels) != len(places):
        raise ValueError(f"{file}: some examples have a .{LABEL}, others none: give all or none.")
    return Index(np.array(places, np.int64), np.array(labels, np.int64))


def samples(file: Path) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """Yield key and members of each example: successive files of one name, by what follows its dot.

    Raises:
        ValueError: Naming the file, if it is damaged or no tar file.
    """
    try:
        with tarfile.open(file, "r:") as archive:
            everything = archive.getmembers()
    except (tarfile.TarError, *DAMAGE) as error:
        raise ValueError(f"{file} is damaged or no tar file ({error}): write it again.") from error
    members = [m for m in everything if m.isfile() and not m.issparse()]
    if not members:
        raise ValueError(f"{file} holds no files: write it again, or remove it.")
    # Python takes the end of the file for the end of the tar, which is a block of zeros.
    last = everything[-1]
    end = last.offset_data + -(-last.size // BLOCK) * BLOCK if last.isfile() else last.offset_data
    if any(read_member(file, end, BLOCK)):
        raise ValueError(f"{file} is cut short: write it again, or remove it.")
    for key, group in groupby(members, lambda m: split(m.name)[0]):
        yield key, {split(m.name)[1]: m for m in group}


def split(name: str) -> tuple[str, str]:
    """Return what stands before and after the first dot of a file's name, as WebDataset does.

    Example:
        >>> split("faces/0001.left.PNG")
        ('faces/0001', 'left.png')
    """
    folder, _, base = name.rpartition("/")
    key, _, extension = base.partition(".")
    return (f"{folder}/{key}" if folder else key), extension.lower()


def label(content: bytes, file: Path, key: str) -> int:
    """Return the number that a ``.cls`` member holds as text."""
    text = content[: MOST_DIGITS + 2].strip()
    if not text.isdigit() or len(text) > MOST_DIGITS:
        raise ValueError(f"{file}: {key}.{LABEL} holds {text!r}, no whole number from 0 up.")
    return int(text)


def member_at(paths: Sequence[Path], place: Sequence[int]) -> tuple[Path, bytes]:
    """Return the name of a member of a tar file, as if that were a folder, and what is in it.

    Args:
        paths: The tar files.
        place: Which of them, where the member begins there, and its length, in bytes; a block that
            begins with its name stands before it.
    """
    file, offset, size = place
    content = read_member(paths[file], offset - BLOCK, size + BLOCK)
    name = content[:100].partition(b"\0")[0].decode(errors="replace")
    return paths[file] / Path(name).name, content[BLOCK:]


def read_member(file: Path, offset: int, size: int) -> bytes:
    """Return a part of a file, in whatever order and from whatever thread.

    Raises:
        ValueError: Naming the file, if it ends before.
    """
    handle = os.open(file, os.O_RDONLY)
    try:
        content = os.pread(handle, size, offset)
    finally:
        os.close(handle)
    if len(content) != size:
        raise ValueError(f"{file} is cut short: write it again, or remove it.")
    return content
