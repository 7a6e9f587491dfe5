"""Picture files of the formats that are meant, told by what is in them, and the pages they hold."""

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Damaged",
    "check_samples",
    "is_inverted",
    "opened",
    "pages_of",
    "upright",
]

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from vae.data.formats.damage import DAMAGE

# None of these is handed to another program, as PostScript is.
FORMATS = {
    "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
    "PNG": ".png .apng",
    "TIFF": ".tif .tiff",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp .dib",
    "AVIF": ".avif .avifs",
    "JPEG2000": ".jp2 .j2k .j2c .jpc .jpf .jpx",
    "PPM": ".ppm .pgm .pbm .pnm",
    "QOI": ".qoi",
    "SGI": ".sgi .rgb .rgba .bw",
    "PCX": ".pcx",
    "SUN": ".ras",
}
SUFFIXES = frozenset(" ".join(FORMATS.values()).split())
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_SUBFILE, _PHOTOMETRIC, _DESCRIPTION = 254, 262, 270  # tags of TIFF
_SAMPLES, _SAMPLE_FORMAT, _SIGNED = 277, 339, 2
_NO_PAGE = 0b101  # bits of _SUBFILE: another resolution of a page, or its mask


class Damaged(ValueError):
    """A file whose content is no picture.

    Attributes:
        path: The file.
        reason: In a few words.
    """

    def __init__(self, path: Path, error: Exception) -> None:
        lines = str(error).splitlines()
        self.path = path
        reason = lines[0].replace(str(path), "the file") if lines else "damaged"
        self.reason = re.sub(r"<_io\.BytesIO object at \w+>", "the file", reason)
        super().__init__(
            f"{path} cannot be read as a picture ({self.reason}): repair, convert or remove it."
        )


@cache
def known_formats() -> list[str]:
    """Return those of the formats that this Pillow knows: it fails at a name it does not know."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextmanager
def opened(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """Open a picture.

    Args:
        path: The file.
        content: What is in it, if it is part of another file and ``path`` is a name only.

    Raises:
        Damaged: If it is not a picture of one of the `FORMATS`.
        ValueError: If it is too large.
    """
    try:
        image = Image.open(path if content is None else BytesIO(content), formats=known_formats())
    except _BOMB as error:
        raise ValueError(f"{path} is too large to be decoded safely: shrink or remove it.") from (
            error
        )
    except DAMAGE as error:
        raise Damaged(path, error) from error
    with image:
        yield image


def pages_of(image: Image.Image, path: Path) -> list[int]:
    """Return which frames of a file are pages: pictures in their own right.

    In a TIFF smaller copies and masks of a page are none, and a JPEG has one, whatever a camera
    appended to it.

    Raises:
        Damaged: If that cannot be told.
        ValueError: If it holds pages that Pillow cannot reach.
    """
    if image.format == "MPO":
        return [0]
    try:
        count = int(getattr(image, "n_frames", 1))
        if not hasattr(image, "tag_v2"):
            return list(range(count))
        kinds = []
        for i in range(count):
            image.seek(i)
            kinds.append(int(image.tag_v2.get(_SUBFILE, 0)))
        image.seek(0)
        text = str(image.tag_v2.get(_DESCRIPTION, ""))
    except DAMAGE as error:
        raise Damaged(path, error) from error
    if is_longer(text, count):
        raise ValueError(
            f"{path} is a stack with more pages than headers ({count}), which cannot be reached: "
            "save it with a header for each page, or as an array (data=array)."
        )
    return [i for i, kind in enumerate(kinds) if i == 0 or not kind & _NO_PAGE]


def is_longer(description: str, count: int) -> bool:
    """Say whether a TIFF describes more than so many pages, as ImageJ and tifffile write them."""
    images = re.search(r"^images=(\d+)", description, re.M)
    if description.startswith("ImageJ=") and images:
        return int(images[1]) > count
    return '"truncated": true' in description


def check_samples(image: Image.Image, path: Path) -> None:
    """Refuse a page of a TIFF of which Pillow would drop channels or misread the numbers.

    Raises:
        ValueError: If it has more channels than Pillow reads, or signed bytes.
    """
    tags = getattr(image, "tag_v2", {})
    channels, read = int(tags.get(_SAMPLES, 1)), len(image.getbands())
    if channels > read:
        raise ValueError(
            f"{path} has {channels} channels, of which {read} can be read from a TIFF: store an "
            "array (data=array)."
        )
    kinds = tags.get(_SAMPLE_FORMAT, ())
    if _SIGNED in (kinds if isinstance(kinds, tuple) else (kinds,)) and image.mode != "I":
        raise ValueError(f"{path} holds signed bytes: convert it, or store an array (data=array).")


def is_inverted(image: Image.Image) -> bool:
    """Say whether 0 is white in a page's 16-bit values: Pillow turns those of 8 bits only."""
    return image.mode.startswith("I;16") and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0


def upright(image: Image.Image, path: Path) -> Image.Image:
    """Decode a page and turn it as its header says.

    Raises:
        Damaged: If it cannot be decoded.
    """
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except DAMAGE as error:
        raise Damaged(path, error) from error
