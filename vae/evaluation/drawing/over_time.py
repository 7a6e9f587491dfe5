"""Sequences against time: curves of a few channels, heat maps of many."""

__all__ = ["Track", "over_time"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae.evaluation.drawing.canvas import INK
from vae.evaluation.drawing.palette import class_colors, class_legend, sequential
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import figured
from vae.evaluation.drawing.timelines import FEW_CHANNELS

SHOWN, CHANNELS = 3, 2  # sequences, and channels of each
WIDTH, PANEL = 360, 100  # pixels of CSS


class Track(NamedTuple):
    """Values against time.

    Attributes:
        name: What they are.
        x: ``(N, T, *event)``; NaN where there is none.
        known: Which of them are drawn; ``None`` means all.
        band: Lower and upper ends of a band around them.
        points: Whether they are single points.
    """

    name: str
    x: Tensor
    known: Tensor | None = None
    band: tuple[Tensor, Tensor] | None = None
    points: bool = False

    def of(self, row: int, length: int) -> Tensor:
        """Return the values of a sequence, ``(T, D)``, NaN where nothing is drawn."""
        x = self.x if self.known is None else torch.where(self.known, self.x, torch.nan)
        return shown(x, row, length)


def shown(x: Tensor, row: int, length: int) -> Tensor:
    """Return the steps of a sequence with flat events, ``(length, D)``, on the CPU."""
    return x[row, :length].reshape(length, -1).detach().float().cpu()


def over_time(tracks: Sequence[Track], lengths: Tensor, start: Tensor | None = None) -> Picture:
    """Draw the first sequences.

    Args:
        tracks: What is laid over each other; of many channels, below each other.
        lengths: Steps of each, ``(N,)``.
        start: A step of each before which a line is drawn, ``(N,)``.
    """
    sizes = lengths[:SHOWN].tolist()
    starts = None if start is None else start[:SHOWN].tolist()
    channels = tracks[0].x[0, 0].numel()
    if channels > FEW_CHANNELS:
        return heat_maps(tracks, sizes, starts)
    few = min(CHANNELS, channels)

    def fill(figure: Any) -> None:
        panels = figure.subplots(len(sizes), few, squeeze=False)
        for row, length in enumerate(sizes):
            for channel in range(few):
                axes = panels[row][channel]
                lay(axes, tracks, row, length, channel)
                finish(axes, starts, row)
                if row == 0 and channels > 1:
                    axes.set_title(f"channel {channel}", pad=3)
        for axes in panels[-1]:
            axes.set_xlabel("step")

    names = [track.name for track in tracks]
    drawn = figured(fill, (WIDTH, PANEL * len(sizes) + 20), class_legend(names))
    note = f"The first {few} of {channels} channels. " if few < channels else ""
    return replace(drawn, note=f"{note}A row for each sequence.")


def lay(axes: Any, tracks: Sequence[Track], row: int, length: int, channel: int) -> None:
    """Lay the tracks of one channel over each other."""
    steps = range(length)
    for track, color in zip(tracks, class_colors(len(tracks)), strict=True):
        x = track.of(row, length)[:, channel].tolist()
        if track.band is not None:
            low, high = (shown(end, row, length)[:, channel].tolist() for end in track.band)
            axes.fill_between(steps, low, high, color=color, alpha=0.3, linewidth=0)
        alone = track.points or length == 1
        axes.plot(
            steps, x, color=color, marker="." if alone else "", linestyle="" if alone else "-"
        )
    axes.grid()


def finish(axes: Any, starts: Sequence[int] | None, row: int) -> None:
    """Draw the line before a step, and leave out what is in the way."""
    if starts is not None:
        axes.axvline(starts[row] - 0.5, color=INK, linestyle="--", linewidth=1)
    axes.locator_params(axis="both", nbins=4)
    axes.spines[["top", "right"]].set_visible(False)


def heat_maps(
    tracks: Sequence[Track], sizes: Sequence[int], starts: Sequence[int] | None
) -> Picture:
    """Draw many channels upwards, and time to the right; tracks of a sequence below each other."""
    sizes = sizes[:2]
    maps = [[track.of(row, n) for track in tracks] for row, n in enumerate(sizes)]
    ends = torch.cat([x.flatten() for row in maps for x in row])
    ends = ends[ends.isfinite()]
    low, high = ends.min().item(), max(ends.max().item(), ends.min().item() + 1e-6)

    def fill(figure: Any) -> None:
        panels = figure.subplots(len(sizes) * len(tracks), 1, squeeze=False)[:, 0]
        named = [(row, track.name) for row in range(len(sizes)) for track in tracks]
        flat = [x for row in maps for x in row]
        for axes, (row, name), x in zip(panels, named, flat, strict=True):
            axes.imshow(
                x.T.numpy(),
                origin="lower",
                aspect="auto",
                interpolation="nearest",
                vmin=low,
                vmax=high,
                cmap=sequential(),
            )
            axes.set_title(name, pad=3, loc="left")
            finish(axes, starts, row)
        panels[-1].set_xlabel("step")

    count = len(sizes) * len(tracks)
    drawn = figured(fill, (WIDTH, PANEL * count + 20))
    scale = f"dark to light from {low:.3g} to {high:.3g}"
    return replace(drawn, note=f"Channels upwards, {scale}; a block for each sequence.")
