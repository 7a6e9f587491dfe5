"""Data too large for memory: pictures or arrays in tar files, as WebDataset writes them."""

__all__ = ["Shards"]

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from tarfile import TarInfo
from typing import final

import numpy as np
import torch

from vae.checks import check_choice, check_int
from vae.data.cores import threads_beside_training
from vae.data.formats.array_shapes import CHANNELS
from vae.data.formats.cache import CACHE
from vae.data.formats.decoded import range_told
from vae.data.formats.image_file import picture_reader
from vae.data.formats.members import ArrayMembers, PictureMembers
from vae.data.formats.open_tars import OpenTars
from vae.data.formats.shard_examples import MOST, ShardExamples
from vae.data.formats.shard_files import check_labels, part_folders, tar_files
from vae.data.formats.tars import (
    ARRAYS,
    PICTURES,
    Index,
    first_sample,
    index_of,
    matching,
    told,
)
from vae.data.source import Source, Splits
from vae.spec import DataSpec

LOOKED_AT = 64  # examples, evenly over all, that tell the range of the values


@final
class Shards(Source):
    """Examples in tar files: of each a picture or an ``.npy`` array, and perhaps a ``.cls`` label.

    Files in a tar that are alike up to the first dot of their name are one example, and stand one
    after the other. The tars lie in the folder, or in folders ``train`` (``training``), ``val``
    (``valid``, ``validation``) and ``test`` (``testing``) in it; val and test may be missing. Where
    examples lie is found out once, and kept in the cache folder. If examples that are looked at
    hold 0 and 1 alone, all are taken for bits.

    Args:
        root: The folder; ``~`` is the home folder.
        member: What names the picture or array, after the first dot (png, npy); ``None`` goes by
            the first example: its array, or its picture of whatever suffix. Others are not read.
        channels: Where the channels of arrays stand: ``first``, ``last``, or ``none`` of arrays
            ``(H, W)``; ``None`` is ``first``, but refuses two dimensions and what seems to be
            ``(H, W, C)``.
        window: How many tars are shuffled together, ≥ 1: an epoch takes them in a new order, so
            many at a time.
        image_size: Side, or ``(H, W)``, in pixels; ``None`` keeps the pictures as they are, and
            then all must have one size.
        resize: ``crop``, ``squash``, ``pad`` or ``none``; see `PictureReader`.
        mode: ``gray``, ``rgb`` or ``rgba``.
        alpha: ``refuse``, ``white``, ``black`` or ``drop`` transparency under gray and rgb.
        bits: How many bits 16-bit grey values use, 1 to 16.
        pages: ``refuse`` pictures of several pages or frames, or take the ``first``.
        max_pixels: Pictures with more pixels are refused.
        cache: Folder for what was found out.

    Raises:
        ValueError: If a setting is not allowed.
    """

    def __init__(
        self,
        root: str,
        *,
        member: str | None = None,
        channels: str | None = "first",
        window: int = 8,
        image_size: int | tuple[int, int] | list[int] | None = 64,
        resize: str = "crop",
        mode: str = "rgb",
        alpha: str = "refuse",
        bits: int = 16,
        pages: str = "refuse",
        max_pixels: int = 80_000_000,
        cache: str = CACHE,
    ) -> None:
        if not root:
            raise ValueError("data=shards needs data.root=<a folder of tar files>.")
        check_int("data.window", window)
        check_choice("data.channels", channels, CHANNELS)
        check_choice("data.pages", pages, ("refuse", "first"))
        self.root = Path(root).expanduser().absolute()
        self.member = member
        self.channels = channels
        self.window = window
        self.cache = cache
        self.pictures = picture_reader(image_size, resize, mode, alpha, max_pixels, bits, pages)
        folders = part_folders(self.root)
        self.has_val, self.has_test = "val" in folders, "test" in folders

    @cached_property
    def parts(self) -> dict[str, tuple[Path, ...]]:
        """The tar files of each part.

        Raises:
            FileNotFoundError: If there is no such folder, or no tar file in it.
            ValueError: If it cannot be told which part a tar file belongs to.
        """
        return tar_files(self.root)

    @cached_property
    def tars(self) -> dict[str, OpenTars]:
        """The same, open for reading."""
        return {name: OpenTars(paths) for name, paths in self.parts.items()}

    @cached_property
    def first(self) -> tuple[str, dict[str, TarInfo]]:
        """Key and members of the first example.

        Raises:
            ValueError: If its tar file is damaged.
        """
        return first_sample(self.parts["train"][0])

    @cached_property
    def chosen(self) -> str:
        """What the names of arrays or pictures end in, or `PICTURES`.

        Raises:
            ValueError: If the first example has none, or several.
        """
        key, members = self.first
        known = [*matching(members, ARRAYS), *matching(members, PICTURES)]
        if self.member in members or (self.member is None and len(known) == 1):
            return self.member or (ARRAYS if known == [ARRAYS] else PICTURES)
        raise ValueError(
            f"{self.parts['train'][0]}: {key} has {', '.join(members)}: set data.member to its "
            "picture or .npy."
        )

    @cached_property
    def reader(self) -> ArrayMembers | PictureMembers:
        """What reads a member; the first one says how large all are."""
        first, (key, members) = self.parts["train"][0], self.first
        (name,) = matching(members, self.chosen)
        place = first / f"{Path(key).name}.{name}"
        content = self.tars["train"].read(0, members[name].offset_data, members[name].size)
        if name.endswith(ARRAYS):
            return ArrayMembers.like(place, content, self.channels)
        return PictureMembers.like(place, content, self.pictures)

    @cached_property
    def indices(self) -> dict[str, Index]:
        """Where the examples of each part are.

        Raises:
            ValueError: If the labels of some parts are missing, or are no classes.
        """
        found = {name: index_of(p, self.chosen, self.cache) for name, p in self.parts.items()}
        check_labels(self.root, {name: index.labels for name, index in found.items()})
        return found

    @cached_property
    def largest(self) -> tuple[int, int]:
        """The largest byte of some training examples, and of those of 16 bits the largest value."""
        tars, places = self.tars["train"], self.indices["train"].places
        rows = np.linspace(0, len(places) - 1, min(LOOKED_AT, len(places))).astype(int)
        pages = (self.reader.read(*tars.member(place)) for place in places[rows].tolist())
        highest, deepest = zip(*((int(p.pixels.max()), p.deepest) for p in pages), strict=True)
        return max(highest), max(deepest)

    @property
    def is_bits(self) -> bool:
        """Whether the bytes are 0 and 1 alone."""
        if self.reader.dtype.kind != "u":
            return False
        highest, deepest = self.largest
        return highest == 1 and deepest <= 1

    @property
    def spec(self) -> DataSpec:
        """Shape by the first example, range by some, and the labels.

        Raises:
            FileNotFoundError: If there are no shards.
            ValueError: If one is damaged.
        """
        kind = "b" if self.is_bits else self.reader.dtype.kind
        labels = [i.labels.max() for i in self.indices.values() if len(i.labels)]
        return DataSpec(
            name=self.root.name,
            shape=self.reader.shape,
            support={"u": "unit_interval", "b": "boolean", "f": "real"}[kind],
            levels={"u": 256, "b": 2, "f": None}[kind],
            num_classes=int(max(labels)) + 1 if labels else None,
        )

    def prepare(self) -> None:
        """Find out where the examples lie."""
        self.load()

    def load(self) -> Splits:
        """Return the examples of each part; they stay in their files.

        Raises:
            ValueError: Naming the file, if one is damaged.
        """
        pool = ThreadPoolExecutor(threads_beside_training())
        parts = {name: self._examples(name, pool) for name in self.parts}
        facts = told(self.indices.values())
        if self.reader.dtype.kind == "u":
            facts["values"] = self._range()
        return Splits(**parts, facts=facts)

    def _range(self) -> str:
        highest, deepest = self.largest
        text = range_told(highest, deepest, self.pictures.bits)
        looked_at = min(LOOKED_AT, len(self.indices["train"].places))
        total = sum(len(index.places) for index in self.indices.values())
        return text if looked_at == total else f"{text} ({looked_at} looked at)"

    def _examples(self, name: str, pool: ThreadPoolExecutor) -> ShardExamples:
        index = self.indices[name]
        return ShardExamples(
            self.tars[name],
            self.reader,
            torch.from_numpy(index.places),
            torch.from_numpy(index.labels) if len(index.labels) else None,
            most=1 if self.is_bits else MOST,
            window=self.window,
            pool=pool,
        )
