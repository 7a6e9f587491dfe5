"""One member of a tar file to one array, like all others."""

__all__ = ["ArrayMembers", "PictureMembers"]

from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from threading import Lock
from typing import Self, final

import numpy as np

from vae.data.formats.array_shapes import event_shape
from vae.data.formats.headers import DAMAGE, ArrayHeader, read_header
from vae.data.formats.image_file import Page, PictureReader

BYTES = np.dtype(np.uint8)
KINDS = (BYTES, np.dtype(np.bool_), np.dtype(np.float32))
PARSING = Lock()  # Python 3.11 cannot always parse in two threads at once (SystemError)


@final
@dataclass(frozen=True)
class ArrayMembers:
    """Arrays in NumPy's format, all of one shape and type; never Python objects.

    Args:
        header: What each of them says of itself.
        head: The bytes that say so, which stand before the values.
        shape: Of one example, ``(D,)``, ``(C, L)`` or ``(C, H, W)``.
        channels: Where the channels stand in a stored array; see `event_shape`.
    """

    header: ArrayHeader
    head: bytes
    shape: tuple[int, ...]
    channels: str | None = None

    @classmethod
    def like(cls, place: Path, content: bytes, channels: str | None = None) -> Self:
        """Return what reads arrays like this one.

        Raises:
            ValueError: If it is damaged, or not of a type and shape that can be used.
        """
        header, start = array_header(place, content)
        if header.dtype not in KINDS or not 1 <= len(header.shape) <= 3 or header.fortran:
            raise ValueError(
                f"{place} is {header.dtype} of shape {header.shape}: store uint8 (0…255), bool or "
                "float32, in C order, as (D,), (C, L) or (C, H, W)."
            )
        batch = header._replace(shape=(1, *header.shape))
        shape = event_shape(place, batch, channels, single=True)
        return cls(header, content[:start], shape, channels)

    @property
    def dtype(self) -> np.dtype:
        """Type as stored."""
        return self.header.dtype

    @property
    def num_bytes(self) -> int:
        """How much memory one example takes."""
        return prod(self.shape) * self.dtype.itemsize

    def read(self, place: Path, content: bytes) -> Page:
        """Return one array, uint8 or float32.

        Raises:
            ValueError: Naming the place, if it is damaged, unlike the first one, or not finite.
        """
        values = np.frombuffer(content, np.uint8, offset=self._start(place, content))
        if len(values) != self.num_bytes:
            raise ValueError(f"{place} is cut short: write it again.")
        x = values.view(self.dtype if self.dtype.kind == "f" else np.uint8)
        if self.dtype.kind == "f" and not np.isfinite(x).all():
            raise ValueError(f"{place} holds NaN or infinity: every value must be finite.")
        if self.dtype.kind == "b" and x.max() > 1:
            raise ValueError(f"{place} is damaged: a bool is neither 0 nor 1.")
        if self.channels == "last":
            return Page(np.moveaxis(x.reshape(self.header.shape), -1, 0))
        return Page(x.reshape(self.shape))

    def _start(self, place: Path, content: bytes) -> int:
        """Return where the values of an array begin; a header is parsed only if it is another."""
        if content.startswith(self.head):
            return len(self.head)
        header, start = array_header(place, content)
        if header != self.header:
            raise ValueError(
                f"{place} is {header.dtype} of shape {header.shape}, the first example "
                f"{self.dtype} of shape {self.header.shape}: all must be alike."
            )
        return start


@final
@dataclass(frozen=True)
class PictureMembers:
    """Pictures, all of one size at least after they are resized.

    Args:
        reader: How they become arrays.
        shape: Of the arrays, ``(C, H, W)``.
    """

    reader: PictureReader
    shape: tuple[int, ...]
    dtype = BYTES

    @classmethod
    def like(cls, place: Path, content: bytes, reader: PictureReader) -> Self:
        """Return what reads pictures like this one.

        Raises:
            ValueError: Naming the place, if it cannot be used.
        """
        return cls(reader, reader.read(place, content)[0].pixels.shape)

    @property
    def num_bytes(self) -> int:
        """How much memory one example takes."""
        return prod(self.shape)

    def read(self, place: Path, content: bytes) -> Page:
        """Return one picture, ``(C, H, W)`` uint8.

        Raises:
            ValueError: Naming the place, if it cannot be used, or has another size.
        """
        page = self.reader.read(place, content)[0]
        x = page.pixels
        if x.shape != self.shape:
            raise ValueError(
                f"{place} is {x.shape[1]}×{x.shape[2]} pixels (H×W), the first picture "
                f"{self.shape[1]}×{self.shape[2]}: set data.image_size=64 with data.resize=crop, "
                "squash or pad."
            )
        return page


def array_header(place: Path, content: bytes) -> tuple[ArrayHeader, int]:
    """Return what an array says of itself, and where its values begin."""
    file = BytesIO(content)
    try:
        with PARSING:
            return read_header(file), file.tell()
    except DAMAGE as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise ValueError(f"{place} is damaged or no .npy array ({reason}).") from error
