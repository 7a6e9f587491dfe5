"""A folder of the user's own pictures."""

__all__ = ["Images"]

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import final

import torch

from vae.checks import check_choice
from vae.data.formats.cache import CACHE, bombs_are_errors
from vae.data.formats.decoded import Decoded, decode, range_told
from vae.data.formats.folder import list_folder
from vae.data.formats.image_file import picture_reader
from vae.data.formats.opening import Damaged
from vae.data.source import Source, Splits, TensorExamples
from vae.spec import DataSpec

DAMAGED = ("refuse", "skip")
LOOKED_AT = 16  # pictures, of which one with values above 1 shows that they are no masks


@final
class Images(Source):
    """Pictures in one folder, or in one folder per class, decoded once into a cache.

    What is read and what is left out says `list_folder`. Pictures of 0 and 1 alone, such as masks,
    are bits; all others become v/255.

    Args:
        root: The folder. Pictures directly in it have no labels; otherwise each folder in it is a
            class, in alphabetical order. Folders train, val and test in it are the parts, and have
            the classes in them. ``~`` is the home folder.
        image_size: Side, or ``(H, W)``, in pixels; ``None`` keeps the pictures as they are, and
            then all must have one size.
        resize: ``crop``, ``squash``, ``pad`` or ``none``; see `PictureReader`.
        mode: ``gray``, ``rgb`` or ``rgba``.
        alpha: ``refuse``, ``white``, ``black`` or ``drop`` transparency under gray and rgb.
        bits: How many bits 16-bit grey values use, 1 to 16.
        pages: ``refuse`` files of several pages or frames, take the ``first``, or ``all``.
        damaged: ``refuse`` files that are no pictures, or ``skip`` them.
        max_pixels: Pictures with more pixels are refused.
        cache: Folder for the decoded pictures.

    Attributes:
        has_val: Whether there is a folder of validation pictures.
        has_test: Whether there is a folder of test pictures.

    Raises:
        FileNotFoundError: If the folder does not exist or holds no pictures.
        ValueError: If a setting is not allowed, or parts and classes cannot be told apart.
    """

    def __init__(
        self,
        root: str,
        *,
        image_size: int | tuple[int, int] | list[int] | None = 64,
        resize: str = "crop",
        mode: str = "rgb",
        alpha: str = "refuse",
        bits: int = 16,
        pages: str = "refuse",
        damaged: str = "refuse",
        max_pixels: int = 80_000_000,
        cache: str = CACHE,
    ) -> None:
        if not root:
            raise ValueError("data=images needs data.root=<a folder of pictures>.")
        check_choice("data.damaged", damaged, DAMAGED)
        self.root = Path(root).expanduser().absolute()
        self.skip = damaged == "skip"
        self.cache = cache
        self.reader = picture_reader(image_size, resize, mode, alpha, max_pixels, bits, pages)
        self.folder = list_folder(self.root)
        self.has_val, self.has_test = (name in self.folder.parts for name in ("val", "test"))

    @cached_property
    def decoded(self) -> Decoded:
        """All pictures, part after part."""
        return decode(self.cache, self.folder.files, self.reader, skip=self.skip)

    @property
    def spec(self) -> DataSpec:
        """Shape and range by the first pictures; only if these hold nothing above 1, by all.

        Raises:
            ValueError: Naming the file, if a picture cannot be used.
        """
        names = self.folder.class_names
        spec = DataSpec(
            name=self.root.name,
            shape=self._shape or tuple(self.decoded.notes.shape[1:]),
            support="unit_interval",
            levels=256,
            num_classes=len(names) or None,
            class_names=names,
        )
        bits = self._shape is None and self.decoded.notes.are_bits
        return replace(spec, support="boolean", levels=2) if bits else spec

    @cached_property
    def _shape(self) -> tuple[int, ...] | None:
        """That of a picture which is no mask, if there is one among the first."""
        for file in self.folder.files[:LOOKED_AT]:
            try:
                with bombs_are_errors():
                    page = self.reader.read(file)[0]
            except Damaged:
                return None
            if max(page.pixels.max(), page.deepest) > 1:
                return tuple(page.pixels.shape)
        return None

    def prepare(self) -> None:
        """Decode the pictures into the cache."""
        self.load()

    def load(self) -> Splits:
        """Map the cache, after making it if it is missing or out of date.

        Raises:
            ValueError: Naming the files, if pictures cannot be used.
        """
        notes = self.decoded.notes
        told = range_told(notes.highest, notes.deepest, self.reader.bits)
        facts = {**self.folder.facts, **notes.facts, "values": told}
        return Splits(**self._parts(), facts=facts)

    def _parts(self) -> dict[str, TensorExamples]:
        found, start = {}, 0
        for name, part in self.folder.parts.items():
            ends = torch.tensor([start, start + len(part.files)])
            first, last = torch.searchsorted(self.decoded.origin, ends).tolist()
            if first == last:
                raise ValueError(f"{self.root}: no picture of the part {name} can be read.")
            files = self.decoded.origin[first:last] - start
            labels = None if part.labels is None else torch.tensor(part.labels)[files]
            x, file = self.decoded.x[first:last], self.decoded.file
            found[name] = TensorExamples(x, labels, file=file)
            start += len(part.files)
        return found
