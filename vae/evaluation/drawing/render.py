"""Rows of examples as one picture: pictures as a grid, signals and vectors as curves.

Signals of many channels are a grid of maps instead.
Sequences of pictures are strips of frames where the picture has to stand still, and move elsewhere.
"""

__all__ = ["as_image", "encode_png", "picture_of", "render", "render_movie", "save_picture"]

from collections.abc import Sequence
from io import BytesIO
from math import isqrt
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate, pad

from vae.evaluation.drawing.canvas import DPI, UNIT
from vae.evaluation.drawing.curve_grid import CurveGrid
from vae.evaluation.drawing.films import as_frames, strips
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.timelines import FEW_CHANNELS, signal_maps
from vae.evaluation.measures.margin import labelled
from vae.files import replace_durably

GAP = 2  # pixels between two pictures, of which each row and column has its part
MOST_PIXELS = 1 << 20  # of a grid whose pictures are made smaller for it
SMALLEST = 128  # pixels of the longer side, below which none is made smaller
GROUND = 128  # between them, neutral on a light and on a dark page


def render(
    rows: Tensor,
    *,
    span: tuple[float, float] = (0.0, 1.0),
    scale: int | None = None,
    labels: Sequence[str] = (),
) -> Tensor:
    """Draw ``(rows, columns, *event)`` as one picture, uint8 ``(3, height, width)``.

    Args:
        rows: Pictures ``(C, H, W)``, signals ``(C, L)``, vectors ``(D,)``, or sequences of pictures
            ``(T, C, H, W)``; NaN where there is nothing.
        span: What values of pictures are black and white (`value_range`); others are cut off.
        scale: How many times pictures are enlarged; by default small ones to 48 pixels or more.
        labels: What stands left of each row, one or two short lines.
    """
    if rows.dim() == 6:
        rows, labels = strips(rows, labels)
    frames, span, _ = mapped(rows[None].detach().float().cpu(), span)
    pixels = grids(frames, span, scale) if frames.dim() == 6 else CurveGrid(frames).pixels()
    return labelled(pixels[0], labels)


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
    frames, span, _ = mapped(frames.detach().float().cpu(), span)
    if frames.dim() == 6:
        return labelled(grids(frames, span, scale), labels)
    return labelled(CurveGrid(frames).pixels(moving=True), labels)


def picture_of(
    rows: Tensor,
    labels: Sequence[str] = (),
    *,
    span: tuple[float, float] = (0.0, 1.0),
    moving: bool = False,
) -> Picture:
    """Draw rows of examples with their labels beside the pixels.

    Args:
        rows: As for `render`, or for `render_movie` if it moves. Sequences of pictures always do.
        labels: Of each row, one or two short lines.
        span: As for `render`.
        moving: Whether the first dimension is time.
    """
    if rows.dim() == (7 if moving else 6):
        return picture_of(as_frames(rows, moving=moving), labels, span=span, moving=True)
    whole = (rows if moving else rows[None]).detach().float().cpu()
    frames, span, note = mapped(whole, span)
    if frames.dim() == 6:
        pixels = grids(frames, span)
        return Picture(pixels if moving else pixels[0], tuple(labels), note=note)
    grid = CurveGrid(frames)
    pixels = grid.pixels(moving=moving)
    return Picture(
        pixels if moving else pixels[0],
        tuple(labels),
        grid.legend,
        None if moving else grid.svg(),
        grid.note,
        density=DPI // UNIT if moving else 1,
    )


def mapped(frames: Tensor, span: tuple[float, float]) -> tuple[Tensor, tuple[float, float], str]:
    """Return frames and span, of signals of many channels as pictures, and what to say of them."""
    if frames.dim() != 5 or frames.shape[-2] <= FEW_CHANNELS:
        return frames, span, ""
    maps, note = signal_maps(frames)
    return maps, (0.0, 1.0), note


def grids(frames: Tensor, span: tuple[float, float], scale: int | None = None) -> Tensor:
    """Draw pictures ``(T, rows, columns, C, H, W)`` as grids, uint8 ``(T, 3, height, width)``."""
    frames = shrunk(frames) if scale is None else frames
    return torch.stack([picture_grid(rows, scale) for rows in stretched(frames, span)])


def stretched(x: Tensor, span: tuple[float, float]) -> Tensor:
    """Return values with the span between two of them moved to [0, 1], and others cut off."""
    low, high = span
    return ((x - low) / (high - low)).clamp(0, 1)


def picture_grid(rows: Tensor, scale: int | None) -> Tensor:
    """Draw ``(rows, columns, C, H, W)`` with values in [0, 1] as a grid on a ground of mid grey."""
    scale = scale or max(1, -(-48 // max(rows.shape[-2:])))
    rgb = as_rgb(rows)
    pixels = torch.where(rgb.isnan(), GROUND, rgb * 255).round().to(torch.uint8)
    pixels = pixels.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    cells = pad(pixels, (GAP // 2,) * 4, value=GROUND)
    return cells.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)


def shrunk(frames: Tensor) -> Tensor:
    """Return pictures ``(T, rows, columns, C, H, W)`` so small that no grid of them is too large.

    Otherwise the time that it takes to write a grid would grow with the pictures, beyond that of
    a hundred steps of training.
    """
    lead, size = frames.shape[:3], frames.shape[-2:]
    most, longer = max(SMALLEST, isqrt(MOST_PIXELS // max(1, lead[1:].numel()))), max(size)
    if longer <= most:
        return frames
    small = [max(1, side * most // longer) for side in size]
    return interpolate(frames.flatten(0, 2), size=small, mode="area").unflatten(0, lead)


def as_rgb(rows: Tensor) -> Tensor:
    """Return pictures of any number of channels, dim −3, with three."""
    channels = rows.shape[-3]
    if channels in (1, 2):
        return rows[..., :1, :, :].expand(*rows.shape[:-3], 3, *rows.shape[-2:])
    if channels == 4:  # over white
        alpha = rows[..., 3:, :, :]
        return rows[..., :3, :, :] * alpha + 1 - alpha
    return rows[..., :3, :, :]


def as_image(picture: Tensor) -> Image.Image:
    """Return a uint8 picture ``(3, height, width)`` as Pillow's."""
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def encode_png(picture: Tensor) -> bytes:
    """Return a uint8 picture ``(3, height, width)`` as what a PNG file holds."""
    held = BytesIO()
    as_image(picture).save(held, "PNG", compress_level=3)  # the fourth of the time of 6
    return held.getvalue()


def save_picture(path: str | Path, picture: Tensor | bytes) -> Path:
    """Write a uint8 picture ``(3, height, width)``, or an encoded one, as PNG; return the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = picture if isinstance(picture, bytes) else encode_png(picture)
    replace_durably({path: lambda file: file.write(encoded)})
    return path
