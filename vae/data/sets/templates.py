"""The shapes of the sprites data, rendered once per shape, scale and orientation."""

__all__ = ["CANVAS", "SIDE", "render_templates"]

from math import pi

import torch
from torch import Tensor

SIDE = 64
# One window of 64 pixels for each of 32 positions.
CANVAS = SIDE + 31
# The centre moves over pixels 16…47, so up to 15 pixels around it stay off the border.
RADIUS = 14
SAMPLES = 4


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) <= 0.7


def _ellipse(x: Tensor, y: Tensor) -> Tensor:
    return x.square() + (2 * y).square() <= 1


def _heart(x: Tensor, y: Tensor) -> Tensor:
    # (u² + v² − 1)³ ≤ u² v³, moved and shrunk into the unit disc.
    u, v = 1.32 * x, 1.32 * y + 0.2
    disc = u.square() + v.square() - 1
    # Products: `pow(3)` takes ten times as long.
    return disc * disc * disc <= u.square() * v * v * v


def render_templates(sizes: tuple[int, ...]) -> Tensor:
    """Draw every shape at every scale and orientation in the middle of a canvas.

    Args:
        sizes: How many shapes (3), scales (from ½ to 1) and orientations (2πk/n) there are.

    Returns:
        ``(shapes · scales · orientations, 95, 95)`` float32: the part of each pixel that the
        shape covers, in [0, 1].
    """
    _, num_scales, num_angles = sizes
    canvas = torch.zeros(*sizes, CANVAS, CANVAS)
    middle = slice(CANVAS // 2 - RADIUS - 1, CANVAS // 2 + RADIUS + 2)
    angles = 2 * pi * torch.arange(num_angles) / num_angles
    x, y = _sample_points(angles)
    for i, inside in enumerate((_square, _ellipse, _heart)):
        for j, scale in enumerate(torch.linspace(0.5, 1, num_scales)):
            covered = inside(x / scale, y / scale).float()
            canvas[i, j, :, middle, middle] = torch.nn.functional.avg_pool2d(covered, SAMPLES)
    return canvas.flatten(0, 2)


def _sample_points(angles: Tensor) -> tuple[Tensor, Tensor]:
    # Sample points around the centre in the frame of each turned shape, (A, n, n), in radii; y
    # points up, while rows count downwards.
    count = (2 * RADIUS + 3) * SAMPLES
    line = (torch.arange(count) - (count - 1) / 2) / (SAMPLES * RADIUS)
    up, right = torch.meshgrid(-line, line, indexing="ij")
    cos, sin = angles.cos().view(-1, 1, 1), angles.sin().view(-1, 1, 1)
    return cos * right + sin * up, cos * up - sin * right
