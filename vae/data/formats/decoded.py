"""Picture files decoded once: the pictures in a memory-mapped file, and beside it what they are."""

__all__ = ["Decoded", "decode", "range_told"]

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from vae.data.formats.cache import cache_key, decoded_files, make_room, recalled, stored
from vae.data.formats.image_file import Page, PictureReader
from vae.data.formats.mapped import MappedFile
from vae.data.formats.opening import Damaged

VERSION = 2  # of what is kept
NAMED = 5  # damaged files that a message names
DARK = 0.3  # of the largest value possible: below it, fewer bits may be meant
STEP = 64  # pictures for which there must be room when there are more than files


@dataclass(frozen=True)
class Notes:
    """What is known of decoded pictures.

    Attributes:
        shape: ``(N, C, H, W)``.
        damaged: The files that could not be read, and why.
        highest: The largest byte of all pictures.
        deepest: The largest 16-bit value as stored, 0 if there is none.
    """

    shape: Sequence[int]
    damaged: Sequence[tuple[str, str]]
    highest: int
    deepest: int

    @property
    def are_bits(self) -> bool:
        """Whether their values are 0 and 1 alone, as stored."""
        return self.highest == 1 and self.deepest <= 1

    @property
    def facts(self) -> dict[str, str]:
        """What a summary says of them, besides their range."""
        if not self.damaged:
            return {}
        return {"damaged": f"{len(self.damaged):,} left out: {listed(self.damaged)}"}


@dataclass(frozen=True)
class Decoded:
    """Pictures decoded from files.

    Attributes:
        x: ``(N, C, H, W)`` uint8, memory-mapped.
        origin: ``(N,)`` int64, rising: which of the files each is from.
        notes: What is known of them.
        file: That ``x`` is mapped from.
    """

    x: Tensor
    origin: Tensor
    notes: Notes
    file: MappedFile


def decode(
    folder: str | Path, files: Sequence[Path], reader: PictureReader, *, skip: bool
) -> Decoded:
    """Decode picture files, or map what an earlier call left.

    Args:
        folder: Where caches are kept; made if it is missing.
        files: In the order in which their pictures are wanted.
        reader: From a file to its pages.
        skip: Whether to leave out files that are no pictures; else they are refused, all at once.

    Raises:
        ValueError: If pictures cannot be used or differ in size, or if the cache cannot be written.
    """
    key = cache_key(files, reader, VERSION)
    path = Path(folder).expanduser().absolute() / f"pictures-{key}.u8"
    kept = recalled(path)
    if kept is None:
        make_room(path.parent, 0)
        writer = Writer(files, reader, skip=skip)
        kept = stored(path, writer.pictures, writer.record)
    notes = Notes(**json.loads(str(kept.record["notes"])))
    check_damage(notes.damaged, len(files), skip=skip)
    x, origin = kept.x.view(tuple(notes.shape)), torch.from_numpy(kept.record["origin"])
    return Decoded(x, origin, notes, kept.file)


class Writer:
    """Decodes files into a cache; the arguments are those of `decode`."""

    def __init__(self, files: Sequence[Path], reader: PictureReader, *, skip: bool) -> None:
        self.files, self.reader, self.skip = files, reader, skip
        self.origin: list[int] = []
        self.damaged: list[tuple[str, str]] = []
        self.shape: tuple[int, ...] = ()
        self.highest = self.deepest = self.room = 0

    @property
    def notes(self) -> Notes:
        """What is known of the pictures."""
        shape = (len(self.origin), *self.shape)
        return Notes(shape, self.damaged, self.highest, self.deepest)

    def pictures(self, out: IO[bytes]) -> None:
        """Write the pictures of all files that can be read.

        Raises:
            ValueError: If a picture cannot be used, or is of another size than the first.
        """
        for i, found in enumerate(decoded_files(self.files, self.attempt)):
            if isinstance(found, Damaged):
                self.damaged.append((str(found.path), found.reason))
                continue
            for page in found:
                self.add(page, i, out)
        check_damage(self.damaged, len(self.files), skip=self.skip)

    def attempt(self, file: Path) -> list[Page] | Damaged:
        """Return the pages of a file, or why there are none."""
        try:
            return self.reader.read(file)
        except Damaged as error:
            return error

    def add(self, page: Page, file: int, out: IO[bytes]) -> None:
        """Write one picture."""
        if not self.origin:
            self.shape = page.pixels.shape
        if page.pixels.shape != self.shape:
            raise ValueError(
                different(self.files[self.origin[0]], self.shape, self.files[file], page)
            )
        size = page.pixels.nbytes
        if out.tell() + size > self.room:  # more than one of a file, or the first of all
            ahead = size * (STEP if self.origin else len(self.files))
            make_room(Path(out.name).parent, ahead)
            self.room = out.tell() + ahead
        self.origin.append(file)
        self.highest = max(self.highest, int(page.pixels.max()))
        self.deepest = max(self.deepest, page.deepest)
        out.write(np.ascontiguousarray(page.pixels).tobytes())

    def record(self) -> dict[str, np.ndarray]:
        """Return what is known of the pictures."""
        return {"origin": np.array(self.origin), "notes": np.array(json.dumps(asdict(self.notes)))}


def different(one: Path, shape: tuple[int, ...], two: Path, page: Page) -> str:
    """Say that two pictures differ in size."""
    (_, h, w), (_, height, width) = shape, page.pixels.shape
    return (
        f"{one} is {h}×{w} pixels (H×W) but {two} is {height}×{width}: set data.image_size=64 with "
        "data.resize=crop, squash or pad."
    )


def check_damage(damaged: Sequence[tuple[str, str]], total: int, *, skip: bool) -> None:
    """Refuse files that are no pictures, all at once.

    Raises:
        ValueError: Naming the first of them, if they are not to be skipped, or if none is left.
    """
    if not damaged or (skip and len(damaged) < total):
        return
    instead = "" if skip else ", or set data.damaged=skip to leave them out"
    raise ValueError(
        f"{len(damaged)} of {total:,} files cannot be read as pictures: {listed(damaged)}. Repair, "
        f"convert or remove them{instead}."
    )


def listed(damaged: Sequence[tuple[str, str]]) -> str:
    """Name some files with what is wrong with them, and say how many more there are."""
    shown = [f"{path} ({reason})" for path, reason in damaged[:NAMED]]
    more = [f"{len(damaged) - NAMED:,} more"] if len(damaged) > NAMED else []
    return ", ".join(shown + more)


def range_told(highest: int, deepest: int = 0, bits: int = 16) -> str:
    """Say what range the values of pictures have, and what became of it.

    Args:
        highest: The largest byte of all pictures.
        deepest: The largest 16-bit value as stored, 0 if there is none.
        bits: How many of the 16 bits are used.
    """
    if highest == 1 and deepest <= 1:
        return "0 and 1, taken as bits (likelihood=bernoulli suits them)"
    value, white = (deepest, 2**bits - 1) if deepest else (highest, 255)
    hint = ""
    if deepest and value < DARK * white:
        used = deepest.bit_length()
        hint = f" (nearly black: if only {used} bits are used, set data.bits={used})"
    return f"at most {value} of {white}{hint}, divided by {white}"
