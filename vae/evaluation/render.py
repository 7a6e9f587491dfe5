"""Rows of examples as one picture: pictures as a grid, signals and vectors as curves."""

__all__ = ["as_image", "picture_of", "render", "render_movie", "save_picture"]

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from vae.evaluation.canvas import pixels_of
from vae.evaluation.margin import labelled
from vae.evaluation.picture import Picture

DPI = 90
GAP = 2  # pixels between two pictures
GROUND = 128  # between them, neutral on a light and on a dark page
MARKERS = ("o", "")  # of a single value, of a curve


def render(
    rows: Tensor,
    *,
    span: tuple[float, float] = (0.0, 1.0),
    scale: int | None = None,
    labels: Sequence[str] = (),
) -> Tensor:
    """Draw ``(rows, columns, *event)`` as one picture, uint8 ``(3, height, width)``.

    Args:
        rows: Pictures ``(C, H, W)``, signals ``(C, L)`` or vectors ``(D,)``.
        span: What values of pictures are black and white (`value_range`); others are cut off.
        scale: How many times pictures are enlarged; by default small ones to 48 pixels or more.
        labels: What stands left of each row, one or two short lines.
    """
    return render_movie(rows[None], span=span, scale=scale, labels=labels)[0]


def render_movie(
    frames: Tensor,
    *,
    span: tuple[float, float] = (0.0, 1.0),
    scale: int | None = None,
    labels: Sequence[str] = (),
) -> Tensor:
    """Draw ``(T, rows, columns, *event)`` as pictures of a movie, uint8 ``(T, 3, height, width)``.

    Args:
        frames: As for `render`; curves have one scale throughout.
        span: As for `render`.
        scale: As for `render`.
        labels: As for `render`.
    """
    frames = frames.detach().float().cpu()
    if frames.dim() == 6:
        shown = stretched(frames, span)
        drawn = [picture_grid(rows, scale) for rows in shown]
    else:
        ends = frames.min(), frames.max()
        drawn = [curve_grid(rows, *ends) for rows in frames]
    return labelled(torch.stack(drawn), labels)


def picture_of(
    rows: Tensor,
    labels: Sequence[str] = (),
    *,
    span: tuple[float, float] = (0.0, 1.0),
    moving: bool = False,
    note: str = "",
) -> Picture:
    """Draw rows of examples with their labels beside the pixels.

    Args:
        rows: As for `render`, or for `render_movie` if it moves.
        labels: Of each row, one or two short lines.
        span: As for `render`.
        moving: Whether the first dimension is time.
        note: One sentence for the reader.
    """
    pixels = render_movie(rows, span=span) if moving else render(rows, span=span)
    return Picture(pixels, tuple(labels), note=note)


def stretched(x: Tensor, span: tuple[float, float]) -> Tensor:
    """Return values with the span between two of them moved to [0, 1], and others cut off."""
    low, high = span
    return ((x - low) / (high - low)).clamp(0, 1)


def picture_grid(rows: Tensor, scale: int | None) -> Tensor:
    """Draw ``(rows, columns, C, H, W)`` with values in [0, 1] as a grid on a ground of mid grey."""
    num_rows, num_columns, _, height, width = rows.shape
    scale = scale or max(1, -(-48 // max(height, width)))
    pixels = (as_rgb(rows) * 255).round().to(torch.uint8)
    pixels = pixels.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    height, width = height * scale, width * scale
    size = (num_rows * (height + GAP) + GAP, num_columns * (width + GAP) + GAP)
    canvas = torch.full((3, *size), GROUND, dtype=torch.uint8)
    for i in range(num_rows):
        for j in range(num_columns):
            top, left = GAP + i * (height + GAP), GAP + j * (width + GAP)
            canvas[:, top : top + height, left : left + width] = pixels[i, j]
    return canvas


def as_rgb(rows: Tensor) -> Tensor:
    """Return pictures of any number of channels, dim −3, with three."""
    channels = rows.shape[-3]
    if channels in (1, 2):
        return rows[..., :1, :, :].expand(*rows.shape[:-3], 3, *rows.shape[-2:])
    if channels == 4:  # over white
        alpha = rows[..., 3:, :, :]
        return rows[..., :3, :, :] * alpha + 1 - alpha
    return rows[..., :3, :, :]


def curve_grid(rows: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Draw signals ``(rows, columns, C, L)`` or vectors ``(rows, columns, D)`` as curves.

    All stand on one pair of axes, since a pair for each costs a hundred times as much: a unit
    wide and high each, with a common scale from ``low`` to ``high``.
    """
    from matplotlib.figure import Figure

    curves = rows if rows.dim() == 4 else rows.unsqueeze(2)
    num_rows, num_columns, num_channels, length = curves.shape
    heights = 0.1 + 0.8 * (curves - low) / (high - low).clamp_min(1e-12)
    steps = torch.linspace(0.05, 0.95, length)
    figure = Figure(figsize=(1.6 * num_columns, 1.1 * num_rows), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, num_columns), ylim=(num_rows, 0))
    axes.set(xticks=range(1, num_columns), yticks=range(1, num_rows))
    axes.grid(linewidth=0.5)
    axes.spines[:].set_visible(False)
    for c in range(num_channels):
        for i in range(num_rows):
            for j in range(num_columns):
                line = i + 1 - heights[i, j, c]
                axes.plot(j + steps, line, color=f"C{c}", linewidth=1, marker=MARKERS[length > 1])
    return pixels_of(figure)


def as_image(picture: Tensor) -> Image.Image:
    """Return a uint8 picture ``(3, height, width)`` as Pillow's."""
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def save_picture(path: str | Path, picture: Tensor) -> Path:
    """Write a uint8 picture ``(3, height, width)`` as PNG and return the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    as_image(picture).save(path)
    return path
