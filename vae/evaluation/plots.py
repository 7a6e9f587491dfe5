"""Plots of a report in one style, as pictures."""

__all__ = ["bars", "curves", "histograms", "matrix", "points"]

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.render import pixels_of

SIZE = (6.0, 3.4)  # inches
DPI = 150
MOST_NAMES, LONGEST = 20, 24  # names beside a bar of colours, and letters of one


def bars(values: Sequence[float], *, xlabel: str, ylabel: str) -> Tensor:
    """Draw one bar per value, uint8 ``(3, height, width)``."""

    def draw(axes: Any) -> None:
        axes.bar(range(len(values)), values, width=0.8)

    return plot(draw, xlabel, ylabel)


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    marker: str = "",
) -> Tensor:
    """Draw a curve for each name, given as its x and y, uint8 ``(3, height, width)``."""

    def draw(axes: Any) -> None:
        for name, (x, y) in lines.items():
            axes.plot(x, y, label=name, marker=marker)
        if len(lines) > 1:
            axes.legend(frameon=False)

    return plot(draw, xlabel, ylabel)


def histograms(values: Mapping[str, Tensor], *, xlabel: str, num_bins: int = 50) -> Tensor:
    """Draw the histogram of each named set of values on common bins, as shares of the set.

    Args:
        values: By name, ``(N,)`` finite values.
        xlabel: Name of the horizontal axis.
        num_bins: How many bins, at least 1.

    Returns:
        uint8 ``(3, height, width)``.
    """
    joined = torch.cat(list(values.values()))
    edges = torch.linspace(joined.min().item(), joined.max().item(), num_bins + 1).tolist()
    if edges[0] == edges[-1]:
        edges = [edges[0] - 0.5, edges[0] + 0.5]

    def draw(axes: Any) -> None:
        for name, found in values.items():
            weights = torch.full_like(found, 1 / len(found)).numpy()
            axes.hist(found.numpy(), edges, weights=weights, alpha=0.6, label=name)
        axes.legend(frameon=False)

    return plot(draw, xlabel, "share")


def matrix(values: Tensor, rows: Sequence[str], *, xlabel: str, named: str) -> Tensor:
    """Draw a matrix ``(R, C)`` as colours from 0 to 1, uint8 ``(3, height, width)``.

    Args:
        values: In [0, 1].
        rows: A name per row; columns are numbered.
        xlabel: Name of the columns.
        named: What the colours stand for.
    """

    def draw(axes: Any) -> None:
        drawn = axes.imshow(values.numpy(), vmin=0, vmax=1, cmap="Blues", aspect="auto")
        axes.set_yticks(range(len(rows)), rows)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.figure.colorbar(drawn, label=named)

    return plot(draw, xlabel, "")


def points(
    xy: Tensor,
    colors: Sequence[float] | None,
    *,
    xlabel: str,
    ylabel: str,
    named: str = "",
    names: Sequence[str] = (),
) -> Tensor:
    """Draw points ``(N, 2)``, coloured by a value each, uint8 ``(3, height, width)``.

    Args:
        xy: The points.
        colors: A label or factor per point.
        xlabel: Name of the horizontal axis.
        ylabel: Name of the vertical axis.
        named: What the colours stand for.
        names: What the values 0, 1, … are called, if they are few enough to be written.
    """

    def draw(axes: Any) -> None:
        cmap = None if colors is None else "turbo"  # a map of nothing is a warning
        drawn = axes.scatter(*xy.T.numpy(), c=colors, cmap=cmap, s=6, alpha=0.7, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
        if colors is not None:
            few = 0 < len(names) <= MOST_NAMES
            bar = axes.figure.colorbar(drawn, label="" if few else named)
            if few:
                drawn.set_clim(0, max(len(names) - 1, 1))
                bar.set_ticks(range(len(names)), labels=[written(name) for name in names])

    with warnings.catch_warnings():  # a name in letters that the font has not is drawn as boxes
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        return plot(draw, xlabel, ylabel)


def written(name: str) -> str:
    """Return a user's name as matplotlib writes it: short, and no formula."""
    return (name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…").replace("$", r"\$")


def plot(draw: Callable[[Any], None], xlabel: str, ylabel: str) -> Tensor:
    """Return what a function draws on a pair of axes, uint8 ``(3, height, width)``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    return pixels_of(figure)
