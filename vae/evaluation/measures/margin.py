"""Labels in the margin of a picture that stands alone, as a file or in TensorBoard."""

__all__ = ["labelled"]

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SMALLEST = 12  # pixels, the size of letters at 1:1
PHONE = 390  # pixels, the width of a screen on which the letters are still to be read
LINE = 1.25  # distance of lines, in sizes of letters
GROUND, INK = 255, 24


def labelled(pixels: Tensor, rows: Sequence[str]) -> Tensor:
    """Return a picture with a label left of each of its equally high rows.

    The letters are as large as the rows allow, up to a size that is legible where the picture is
    shrunk to the width of a phone. Rows lower than a line are enlarged, by a whole number.

    Args:
        pixels: uint8 ``(3, height, width)``, or ``(T, 3, height, width)``.
        rows: Short texts, of one or two lines each; none leaves the picture as it is.
    """
    if not any(rows):
        return pixels
    lines = max(label.count("\n") + 1 for label in rows)
    least = SMALLEST * LINE * lines * len(rows)
    pixels = enlarged(pixels, -int(-least // pixels.shape[-2]))
    height, width = pixels.shape[-2:]
    largest = int(height / len(rows) / lines / LINE)
    margin = drawn(rows, height, min(largest, max(SMALLEST, 13 * width // PHONE)))
    return torch.cat([margin.expand(*pixels.shape[:-1], -1), pixels], -1)


def enlarged(pixels: Tensor, times: int) -> Tensor:
    """Return a picture with each pixel repeated both ways."""
    if times < 2:
        return pixels
    return pixels.repeat_interleave(times, -1).repeat_interleave(times, -2)


def drawn(rows: Sequence[str], height: int, size: int) -> Tensor:
    """Draw labels at equal distances one below the other, uint8 ``(3, height, width)``."""
    from matplotlib import get_data_path

    # Pillow draws a line a hundred times as fast as a figure of matplotlib, whose letters it are.
    path = Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    font = ImageFont.truetype(str(path), size)
    widest = max(font.getlength(line) for label in rows for line in label.split("\n"))
    width = int(widest) + 1 + size
    image = Image.new("L", (width, height), GROUND)
    canvas = ImageDraw.Draw(image)
    for i, label in enumerate(rows):
        place = (width - size // 2, (i + 0.5) * height / len(rows))
        canvas.multiline_text(
            place, label, INK, font, anchor="rm", align="right", spacing=size // 8
        )
    return torch.from_numpy(np.array(image)).expand(3, -1, -1)
