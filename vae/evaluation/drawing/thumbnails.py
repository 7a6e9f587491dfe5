"""Small square pictures of examples, as TensorBoard's projector wants them."""

__all__ = ["thumbnails"]

from math import ceil, sqrt

from torch import Tensor
from torch.nn.functional import interpolate, pad

from vae.evaluation.drawing.render import as_rgb, stretched

SHEET = 8192  # pixels: the projector puts all thumbnails on one square sheet, no wider than this
SIDE = 64  # pixels, of one thumbnail at the most


def thumbnails(x: Tensor, total: int, span: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Return pictures made small and square, ``(B, 3, S, S)`` in [0, 1].

    S is the longer side of the pictures, at most 64 and so small that ``total`` of them, on a
    square sheet, stay within 8192 pixels a side; the shorter side is filled up with black.

    Args:
        x: ``(B, C, H, W)``.
        total: How many thumbnails share a sheet, at most 8192².
        span: What values are black and white (`value_range`); others are cut off.
    """
    height, width = x.shape[-2:]
    longer = max(height, width)
    side = min(longer, SIDE, SHEET // ceil(sqrt(total)))
    rgb = as_rgb(stretched(x.detach().float().cpu(), span))
    size = [max(1, round(n * side / longer)) for n in (height, width)]
    if side < longer:
        rgb = interpolate(rgb, size=size, mode="bilinear", antialias=True).clamp(0, 1)
    top, left = (side - size[0]) // 2, (side - size[1]) // 2
    return pad(rgb, (left, side - size[1] - left, top, side - size[0] - top))
