"""Curves with what is predicted of them, and how surely."""

__all__ = ["Band", "bands"]

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from vae.evaluation.drawing.palette import class_colors
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import figured

PANEL = (180, 130)  # pixels of CSS
NAMES = ("values", "mean ± 2 deviations", "known")


class Band(NamedTuple):
    """One function and what is predicted of it, ``(M,)`` each."""

    at: Tensor
    y: Tensor
    mean: Tensor
    deviation: Tensor
    known: Tensor


def bands(panels: Sequence[Sequence[Band]], labels: Sequence[str]) -> Picture:
    """Draw a panel for each function, of equally many in each row.

    Args:
        panels: Rows of functions.
        labels: Of each row.
    """
    colors = class_colors(len(NAMES))
    columns = len(panels[0])

    def fill(figure: Any) -> None:
        grid = figure.subplots(len(panels), columns, squeeze=False, sharey=True)
        for row, label, all_axes in zip(panels, labels, grid, strict=True):
            all_axes[0].set_ylabel(label)
            for band, axes in zip(row, all_axes, strict=True):
                draw(axes, band, colors)

    size = (max(2, columns) * PANEL[0], len(panels) * PANEL[1])
    return figured(fill, size, tuple(zip(NAMES, colors, strict=True)))


def draw(axes: Any, band: Band, colors: Sequence[Any]) -> None:
    """Draw one function on a pair of axes."""
    order = band.at.argsort()
    at, y, mean, deviation = (c.double().cpu()[order.cpu()].numpy() for c in band[:4])
    known = band.known.cpu()[order.cpu()].numpy()
    truth, told, given = colors
    axes.fill_between(at, mean - 2 * deviation, mean + 2 * deviation, color=told, alpha=0.2)
    axes.plot(at, mean, color=told)
    axes.plot(at, y, ".", color=truth, markersize=3)
    axes.plot(at[known], y[known], "o", color=given, markersize=4)
    axes.spines[["top", "right"]].set_visible(False)
