"""Where the members of tar files lie, so that each can be read without those before it."""

__all__ = [
    "ARRAYS",
    "PICTURES",
    "Index",
    "first_sample",
    "index_of",
    "matching",
    "told",
]

import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from vae.data.formats.cache import cache_key, read_record
from vae.data.formats.headers import DAMAGE
from vae.data.formats.open_tars import BLOCK, OpenTars
from vae.data.formats.opening import SUFFIXES
from vae.files import remove_abandoned, replace_durably
from vae.terminal import say

VERSION = 3  # of what is kept
LABEL = "cls"
ARRAYS = "npy"  # the members that are wanted, or
PICTURES = "picture"  # any of a picture's suffixes
HIDDEN = "hidden files"
MOST_DIGITS = 18  # of a label
DAMAGED = "{file} is damaged or no tar file ({error}): write it again."
EMPTY = "{file} holds no files: write it again, or remove it."


@dataclass(frozen=True)
class Index:
    """The examples of some tar files, in the order in which they stand there.

    Args:
        places: ``(N, 3)`` int64: which file an example is in, where in that file it begins, and its
            length, in bytes.
        labels: ``(N,)`` int64, or of length 0 if there are none.
        names: ``(M,)`` texts, the kinds of members that are not read.
        counts: ``(M,)`` int64, how many there are of each.
    """

    places: np.ndarray
    labels: np.ndarray
    names: np.ndarray
    counts: np.ndarray

    @property
    def left_out(self) -> Counter[str]:
        """How many members of each kind are not read."""
        return Counter(dict(zip(self.names.tolist(), self.counts.tolist(), strict=True)))


def index_of(files: Sequence[Path], member: str, cache: str | Path) -> Index:
    """Return where the examples of some tar files are; read once, then kept in a file.

    Args:
        files: The tar files.
        member: What the names of the members end in, after the dot, or `PICTURES`.
        cache: The folder of that file; made if it is missing.

    Raises:
        ValueError: Naming the file, if it is damaged, or if an example lacks the member or a label.
    """
    folder = Path(cache).expanduser().absolute()
    path = folder / f"shards-{cache_key(files, member, VERSION)}.npz"
    found = recalled(path)
    if found is not None:
        return found
    index = joined([scanned(file, member, i) for i, file in enumerate(files)])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder, "shards-*")
        replace_durably({path: lambda out: np.savez(out, **vars(index))})
    except OSError as error:
        raise ValueError(
            f"The index {path} could not be written ({error.strerror}): set data.cache to a "
            "folder that can be."
        ) from error
    return index


def recalled(path: Path) -> Index | None:
    """Return an index that an earlier run left; ``None`` if there is none that is whole.

    One that is damaged is told, and is to be written anew.
    """
    if not path.is_file():
        return None
    try:
        return Index(**read_record(path))
    except DAMAGE:
        say(f"the index {path} is damaged: the tar files are looked through anew")
        return None


def joined(parts: Sequence[Index]) -> Index:
    """Return the index of several files from those of each."""
    places = np.concatenate([part.places for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    if len(labels) not in (0, len(places)):
        raise ValueError("some shards have labels (.cls) and others have none: give all or none.")
    return index(places, labels, sum((part.left_out for part in parts), Counter()))


def told(indices: Iterable[Index]) -> dict[str, str]:
    """Return what is said of the members that are not read, if there are any."""
    left_out = sum((index.left_out for index in indices), Counter[str]())
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(left_out.items()))
    return {"left out": kinds} if kinds else {}


def index(places: np.ndarray, labels: np.ndarray, left_out: Counter[str]) -> Index:
    """Return an index, with what is not read as arrays."""
    counts = np.array(list(left_out.values()), np.int64)
    return Index(places, labels, np.array(list(left_out), np.str_), counts)


def scanned(file: Path, member: str, number: int) -> Index:
    """Return where the examples of one tar file are; only headers and labels are read.

    Args:
        file: The tar file.
        member: What the names of the members end in, or `PICTURES`.
        number: Of the file, among others.

    Raises:
        ValueError: Naming the file.
    """
    places, labels, tar = [], [], OpenTars([file])
    everything, hidden = members_of(file)
    left_out = Counter({HIDDEN: hidden} if hidden else {})
    for key, members in grouped(file, everything):
        name = only(matching(members, member), members, member, f"{file}: {key}")
        places.append((number, members[name].offset_data, members[name].size))
        if LABEL in members:
            found = members[LABEL]
            labels.append(label(tar.read(0, found.offset_data, found.size), file, key))
        left_out.update(f".{other}" for other in members if other not in (name, LABEL))
    if labels and len(labels) != len(places):
        raise ValueError(f"{file}: some examples have a .{LABEL}, others none: give all or none.")
    return index(np.array(places, np.int64), np.array(labels, np.int64), left_out)


def matching(names: Iterable[str], member: str) -> list[str]:
    """Return the members that are so called, or all that are pictures."""
    if member == PICTURES:
        return [name for name in names if f".{name.rpartition('.')[2]}" in SUFFIXES]
    return [name for name in names if name == member]


def only(found: Sequence[str], names: Iterable[str], member: str, place: str) -> str:
    """Return the one member of an example that is wanted.

    Raises:
        ValueError: If there is none, or there are several.
    """
    if not found:
        wanted = member if member == PICTURES else f".{member}"
        raise ValueError(f"{place} has no {wanted}, but {', '.join(names)}.")
    if len(found) > 1:
        raise ValueError(f"{place} has {', '.join(found)}: set data.member to one of them.")
    return found[0]


def first_sample(file: Path) -> tuple[str, dict[str, tarfile.TarInfo]]:
    """Return key and members of the first example; no headers behind it are read.

    Raises:
        ValueError: Naming the file, if it is damaged there or no tar file.
    """
    found: list[tarfile.TarInfo] = []
    try:
        with tarfile.open(file, "r:") as archive:
            for member in filter(is_read, archive):
                if found and split(member.name)[0] != split(found[0].name)[0]:
                    break
                found.append(member)
    except (tarfile.TarError, *DAMAGE) as error:
        raise ValueError(DAMAGED.format(file=file, error=error)) from error
    if not found:
        raise ValueError(EMPTY.format(file=file))
    return next(grouped(file, found))


def grouped(
    file: Path, members: Iterable[tarfile.TarInfo]
) -> Iterator[tuple[str, dict[str, tarfile.TarInfo]]]:
    """Yield key and members of each example.

    Raises:
        ValueError: Naming the file, if an example has two members of one name.
    """
    for key, group in groupby(members, lambda m: split(m.name)[0]):
        found: dict[str, tarfile.TarInfo] = {}
        for member in group:
            suffix = split(member.name)[1]
            if suffix in found:
                raise ValueError(f"{file}: {key} has two members {member.name}: leave one of them.")
            found[suffix] = member
        yield key, found


def members_of(file: Path) -> tuple[list[tarfile.TarInfo], int]:
    """Return the files in a tar, and how many others there are that only look like examples.

    Raises:
        ValueError: Naming the file, if it is damaged or no tar file.
    """
    try:
        with tarfile.open(file, "r:") as archive:
            everything = archive.getmembers()
    except (tarfile.TarError, *DAMAGE) as error:
        raise ValueError(DAMAGED.format(file=file, error=error)) from error
    files = [m for m in everything if m.isfile() and not m.issparse()]
    members = [m for m in files if is_read(m)]
    if not members:
        raise ValueError(EMPTY.format(file=file))
    # Python takes the end of the file for the end of the tar, which is a block of zeros.
    last = everything[-1]
    end = last.offset_data + -(-last.size // BLOCK) * BLOCK if last.isfile() else last.offset_data
    if any(OpenTars([file]).read(0, end, BLOCK)):
        raise ValueError(f"{file} is cut short: write it again, or remove it.")
    return members, len(files) - len(members)


def is_read(member: tarfile.TarInfo) -> bool:
    """Say whether a member is a file that belongs to an example."""
    return member.isfile() and not member.issparse() and not is_hidden(member.name)


def is_hidden(name: str) -> bool:
    """Say whether a file is an attribute or a note that a system or a packer added.

    Example:
        >>> [is_hidden(n) for n in ("./a.png", "b/._a.png", "__MACOSX/a.png", "PaxHeaders.7/a.png")]
        [False, True, True, True]
    """
    *folders, base = name.split("/")
    return base.startswith(".") or any(f.startswith(("__MACOSX", "PaxHeader")) for f in folders)


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
        shown = text.decode(errors="replace")
        raise ValueError(
            f"{file}: {key}.{LABEL} holds {shown!r}, no whole number from 0 up of at most "
            f"{MOST_DIGITS} digits."
        )
    return int(text)
