"""How long a general compressor's code of an example is: a measure of its complexity."""

__all__ = ["code_lengths"]

import bz2
import zlib
from io import BytesIO
from math import log

import numpy as np
import torch
from PIL import Image
from torch import Tensor

PICTURE_CHANNELS = (1, 3)  # of which Pillow writes a PNG


def code_lengths(values: Tensor, levels: int) -> Tensor:
    """Return the shortest code of each example among deflate, bzip2 and PNG, ``(N,)`` in nats.

    Args:
        values: Whole numbers below ``levels``, uint8 ``(N, *event)``.
        levels: How many there are, 2 to 256; of two, eight values make a byte.

    References:
        Input complexity and out-of-distribution detection with likelihood-based generative models
        (Serrà, Álvarez, Gómez, Slizovskaia, Núñez, Luque, 2020), 1909.11480.
    """
    lengths = [shortest(example, levels) for example in values.cpu().numpy()]
    return torch.tensor(lengths, dtype=torch.float64) * (8 * log(2))


def shortest(x: np.ndarray, levels: int) -> int:
    """Return the number of bytes of the shortest code."""
    plain = (np.packbits(x) if levels == 2 else np.ascontiguousarray(x)).tobytes()
    codes = [zlib.compress(plain, 9), bz2.compress(plain, 9)]
    if x.ndim == 3 and len(x) in PICTURE_CHANNELS:
        codes.append(png(x, levels))
    return min(map(len, codes))


def png(x: np.ndarray, levels: int) -> bytes:
    """Return a picture ``(1 or 3, H, W)`` as PNG; of two levels and one channel a bit a pixel."""
    pixels = x[0] if len(x) == 1 else np.ascontiguousarray(x.transpose(1, 2, 0))
    if levels == 2:
        pixels = pixels * np.uint8(255)
    image = Image.fromarray(pixels)
    if levels == 2 and len(x) == 1:
        image = image.convert("1")
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
