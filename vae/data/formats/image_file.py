"""One picture file to uint8 arrays: what is lost is lost because a setting says so.

Two things are not asked for: of 16-bit colour, and of 16-bit grey with transparency, Pillow reads
the upper eight bits, and colour profiles are not applied.
"""

__all__ = ["Page", "PictureReader", "load_picture", "picture_reader"]

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, final

import numpy as np
from PIL import Image, ImageOps

from vae.checks import check_choice, check_int, check_range
from vae.data.formats.damage import DAMAGE
from vae.data.formats.opening import Damaged, check_samples, is_inverted, opened, pages_of, upright

RESIZES = ("crop", "squash", "pad", "none")
ALPHAS = ("refuse", "white", "black", "drop")
PAGES = ("refuse", "first", "all")
_MODES = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}


class Page(NamedTuple):
    """One decoded picture, or an array that stands in its place.

    Attributes:
        pixels: ``(C, H, W)`` uint8; of an array its values.
        deepest: The largest of its 16-bit values as stored; 0 for a picture of 8 bits.
    """

    pixels: np.ndarray
    deepest: int = 0


@final
@dataclass(frozen=True)
class PictureReader:
    """How picture files become arrays ``(C, H, W)`` uint8.

    Pictures are turned upright as their header says (EXIF, TIFF). Grey values v of 16 bits, of
    which ``bits`` are used, become 255 v / (2^bits − 1), rounded.

    Args:
        mode: ``gray``, ``rgb`` or ``rgba``.
        size: ``(H, W)``; ``None`` keeps each picture's size.
        resize: ``crop`` (fill, cut the middle out), ``squash``, ``pad`` (with black) or ``none``.
        alpha: What ``gray`` and ``rgb`` do with pixels that are not opaque: ``refuse`` them, lay
            them over ``white`` or ``black``, or ``drop`` their transparency.
        max_pixels: Larger pictures are refused (above 89 million Pillow refuses them anyway).
        bits: How many bits 16-bit grey values use, 1 to 16.
        pages: What becomes of a file of several pages or frames: ``refuse`` it, take its ``first``,
            or ``all``.
    """

    mode: str
    size: tuple[int, int] | None
    resize: str
    alpha: str
    max_pixels: int
    bits: int = 16
    pages: str = "refuse"

    def read(self, path: Path, content: bytes | None = None) -> list[Page]:
        """Return the pages of a file that the settings ask for.

        Args:
            path: The file.
            content: What is in it, if it is part of another file and ``path`` is a name only.

        Raises:
            Damaged: If it is no picture.
            ValueError: Naming the file, if it is too large, has several pages, transparency, or a
                depth that the settings do not cover.
        """
        with opened(path, content) as image:
            indices = pages_of(image, path)
            if len(indices) > 1 and self.pages == "refuse":
                raise ValueError(
                    f"{path} holds {len(indices)} pages or frames: set data.pages=first or all, or "
                    "convert it."
                )
            wanted = indices if self.pages == "all" else indices[:1]
            return [self._page(image, index, path) for index in wanted]

    def _page(self, image: Image.Image, index: int, path: Path) -> Page:
        if index:
            seek(image, index, path)
        if image.width * image.height > self.max_pixels:
            raise ValueError(
                f"{path} has {image.width}×{image.height} pixels, more than "
                f"data.max_pixels={self.max_pixels}: shrink or remove it."
            )
        check_samples(image, path)
        decoded, deepest = self._eight_bits(upright(image, path), is_inverted(image), path)
        pixels = np.asarray(self._resized(self._converted(decoded, path)))
        return Page(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1), deepest)

    def _eight_bits(
        self, image: Image.Image, inverted: bool, path: Path
    ) -> tuple[Image.Image, int]:
        """Return a picture of 8 bits a channel, and its largest value if it had 16."""
        if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
            return image, 0
        values, white = np.asarray(image), 2**self.bits - 1
        low, high = values.min(), values.max()
        if image.mode == "F" or low < 0 or high > white:
            more = "raise data.bits" if white < high <= 65535 else "convert it to 8 or 16 bits"
            raise ValueError(
                f"{path} holds values beyond {self.bits} bits ({image.mode}: {low:g} to {high:g}): "
                f"{more}, or store an array (data=array)."
            )
        values = values.astype(np.uint32)
        shown = white - values if inverted else values
        masks = high <= 1 and not inverted  # bits stay bits
        eight = (shown if masks else (255 * shown + white // 2) // white).astype(np.uint8)
        key = image.info.get("transparency")
        if key is not None and (clear := values == key).any():
            eight = np.stack([eight, np.where(clear, 0, 255).astype(np.uint8)], -1)
        return Image.fromarray(eight), int(high)

    def _converted(self, image: Image.Image, path: Path) -> Image.Image:
        if image.mode == "LAB":  # which Pillow converts to RGB only
            image = converted(image, "RGB", path)
        if self.mode != "rgba" and image.has_transparency_data:
            image = converted(image, "RGBA", path)
            if np.asarray(image.getchannel("A")).min() < 255:
                image = self._without_alpha(image, path)
            image = image.convert("RGB")
        return converted(image, _MODES[self.mode], path)

    def _without_alpha(self, image: Image.Image, path: Path) -> Image.Image:
        if self.alpha == "refuse":
            raise ValueError(
                f"{path} has transparency, which data.mode={self.mode} cannot hold: set "
                "data.alpha to white, black or drop, or use data.mode=rgba."
            )
        if self.alpha == "drop":
            return image
        return Image.alpha_composite(Image.new("RGBA", image.size, self.alpha), image)

    def _resized(self, image: Image.Image) -> Image.Image:
        if self.size is None or self.resize == "none":
            return image
        size = (self.size[1], self.size[0])
        if self.resize == "crop":
            return ImageOps.fit(image, size, Image.Resampling.BICUBIC)
        if self.resize == "pad":
            return ImageOps.pad(image, size, Image.Resampling.BICUBIC)
        return image.resize(size, Image.Resampling.BICUBIC)


def picture_reader(
    image_size: int | tuple[int, int] | list[int] | None,
    resize: str,
    mode: str,
    alpha: str,
    max_pixels: int,
    bits: int,
    pages: str,
) -> PictureReader:
    """Return the reader that settings describe.

    Raises:
        ValueError: If one of them is not allowed.
    """
    check_choice("data.resize", resize, RESIZES)
    check_choice("data.mode", mode, tuple(_MODES))
    check_choice("data.alpha", alpha, ALPHAS)
    check_int("data.max_pixels", max_pixels)
    check_int("data.bits", bits)
    check_range("data.bits", bits, 1, 16)
    check_choice("data.pages", pages, PAGES)
    size = None if resize == "none" else picture_size(image_size)
    return PictureReader(mode, size, resize, alpha, max_pixels, bits, pages)


def picture_size(size: int | tuple[int, int] | list[int] | None) -> tuple[int, int] | None:
    """Return height and width of a setting, ``None`` for pictures as they are.

    Raises:
        ValueError: If it is neither a side nor two.
    """
    if size is None:
        return None
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if isinstance(size, str) or len(pair) != 2:
        raise ValueError(f"data.image_size must be a side, [height,width] or null; got {size!r}.")
    for side in pair:
        check_int("data.image_size", side)
    return pair


def load_picture(path: Path) -> Image.Image:
    """Return the decoded, upright picture.

    Raises:
        ValueError: Naming the file, if it is damaged.
    """
    with opened(path) as image:
        return upright(image, path)


def converted(image: Image.Image, mode: str, path: Path) -> Image.Image:
    """Return a picture in another mode of Pillow's."""
    try:
        return image.convert(mode)
    except (*DAMAGE, ImportError) as error:
        raise Damaged(path, error) from error


def seek(image: Image.Image, index: int, path: Path) -> None:
    """Go to a page of a file."""
    try:
        image.seek(index)
    except DAMAGE as error:
        raise Damaged(path, error) from error
