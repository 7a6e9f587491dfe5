"""One picture file to one uint8 array, with nothing lost in silence."""

__all__ = ["ALPHAS", "CHANNELS", "RESIZES", "PictureReader", "load_picture"]

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import final

import numpy as np
from PIL import Image, ImageOps

from vae.data.damage import DAMAGE

CHANNELS = {"gray": 1, "rgb": 3, "rgba": 4}
RESIZES = ("crop", "squash", "pad", "none")
ALPHAS = ("refuse", "white", "black", "drop")
_MODES = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_ORIENTATION = 0x0112


@final
@dataclass(frozen=True)
class PictureReader:
    """How picture files become arrays ``(C, H, W)`` uint8.

    Pictures are turned upright (EXIF). 16-bit grey values v become v/257, rounded. (Pillow itself
    reads 16-bit *colour* as its upper eight bits.)

    Args:
        mode: ``gray``, ``rgb`` or ``rgba``.
        size: ``(H, W)``; ``None`` keeps each picture's size.
        resize: ``crop`` (fill, cut the middle out), ``squash``, ``pad`` (with black) or ``none``.
        alpha: What ``gray`` and ``rgb`` do with transparency: ``refuse``, lay it over ``white`` or
            ``black``, or ``drop`` it.
        max_pixels: Larger pictures are refused (above 89 million Pillow refuses them anyway).
    """

    mode: str
    size: tuple[int, int] | None
    resize: str
    alpha: str
    max_pixels: int

    def measure(self, path: Path) -> tuple[int, int]:
        """Return height and width of an upright picture from its header.

        Raises:
            ValueError: Naming the file, if it is not a picture.
        """
        with _open(path) as image:
            width, height = image.size
            try:
                turned = image.getexif().get(_ORIENTATION, 1) >= 5
            except DAMAGE as error:
                raise ValueError(_damaged(path, error)) from error
        return (width, height) if turned else (height, width)

    def read(self, path: Path, content: bytes | None = None) -> np.ndarray:
        """Return the picture as ``(C, H, W)`` uint8.

        Args:
            path: The file.
            content: What is in it, if it is part of another file and ``path`` is a name only.

        Raises:
            ValueError: Naming the file, if it is damaged, too large, or has transparency or a
                depth that the settings do not cover.
        """
        with _open(path, content) as image:
            if image.width * image.height > self.max_pixels:
                raise ValueError(
                    f"{path} has {image.width}×{image.height} pixels, more than "
                    f"data.max_pixels={self.max_pixels}: shrink or remove it."
                )
            upright = _decoded(image, path)
        pixels = np.asarray(self._resized(self._converted(upright, path)))
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    def _converted(self, image: Image.Image, path: Path) -> Image.Image:
        image = _eight_bits(image, path)
        if self.mode != "rgba" and image.has_transparency_data:
            if self.alpha == "refuse":
                raise ValueError(
                    f"{path} has transparency, which data.mode={self.mode} cannot hold: set "
                    "data.alpha to white, black or drop, or use data.mode=rgba."
                )
            image = image.convert("RGBA")
            if self.alpha != "drop":
                ground = Image.new("RGBA", image.size, self.alpha)
                image = Image.alpha_composite(ground, image)
            image = image.convert("RGB")
        return image.convert(_MODES[self.mode])

    def _resized(self, image: Image.Image) -> Image.Image:
        if self.size is None or self.resize == "none":
            return image
        size = (self.size[1], self.size[0])
        if self.resize == "crop":
            return ImageOps.fit(image, size, Image.Resampling.BICUBIC)
        if self.resize == "pad":
            return ImageOps.pad(image, size, Image.Resampling.BICUBIC)
        return image.resize(size, Image.Resampling.BICUBIC)


def load_picture(path: Path) -> Image.Image:
    """Return the decoded, upright picture.

    Raises:
        ValueError: Naming the file, if it is damaged.
    """
    with _open(path) as image:
        return _decoded(image, path)


def _open(path: Path, content: bytes | None = None) -> Image.Image:
    try:
        return Image.open(path if content is None else BytesIO(content))
    except _BOMB as error:
        raise ValueError(f"{path} is too large to be decoded safely: shrink or remove it.") from (
            error
        )
    except DAMAGE as error:
        raise ValueError(_damaged(path, error)) from error


def _decoded(image: Image.Image, path: Path) -> Image.Image:
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except DAMAGE as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0].replace(str(path), "the file") if str(error) else "damaged"
    return f"{path} cannot be read as a picture ({reason}): repair or remove it."


def _eight_bits(image: Image.Image, path: Path) -> Image.Image:
    if image.mode not in ("I", "F") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"{path} holds values beyond 16 bits ({image.mode}: {values.min():g} to "
            f"{values.max():g}): convert it to 8 or 16 bits, or store an array (data=array)."
        )
    # 65535 = 255 · 257, so this is v/257 to the nearest.
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
