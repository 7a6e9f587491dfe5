"""Plots of a report in one style: as pixels with their legend, as SVG without it."""

__all__ = [
    "SIZE",
    "bars",
    "curves",
    "figured",
    "histograms",
    "matrix",
    "plot",
    "points",
    "written",
]

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.drawing.canvas import DPI, STYLE, UNIT, pixels_of, svg_of
from vae.evaluation.drawing.palette import (
    LONGEST,
    MOST_CLASSES,
    class_colors,
    class_legend,
    sequential,
    shortened,
)
from vae.evaluation.drawing.picture import Picture

SIZE = (360, 240)  # pixels of CSS: a phone's width
LEGEND_LINE = 19  # pixels of CSS
ON_A_LINE = 40  # letters
OUTER = 0.005  # part of the values on each side that lies beyond the bins of a histogram
INTO_THE_LAST = "The outermost bars hold all values beyond them: half a percent on either side."
OPACITY = 0.85  # of points
MOST_NAMES = 12  # below bars
SHARED = "The {} classes share the colours: TensorBoard's projector names each point."

Legend = Sequence[tuple[str, str]]


def bars(
    values: Sequence[float], *, xlabel: str, ylabel: str, names: Sequence[str] = ()
) -> Picture:
    """Draw one bar per value, below a few of which their names stand."""

    def draw(axes: Any) -> None:
        axes.bar(range(len(values)), values, width=0.8, color=class_colors(1)[0])
        if 0 < len(names) <= MOST_NAMES:
            axes.set_xticks(range(len(values)), names)
        else:
            axes.xaxis.get_major_locator().set_params(integer=True)

    return plot(draw, xlabel, ylabel)


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    xlabel: str,
    ylabel: str,
    marker: str = "",
) -> Picture:
    """Draw a curve for each name, given as its x and y."""
    colors = class_colors(len(lines))

    def draw(axes: Any) -> None:
        for (x, y), color in zip(lines.values(), colors, strict=True):
            axes.plot(x, y, color=color, marker=marker)

    return plot(draw, xlabel, ylabel, class_legend(list(lines)))


def histograms(values: Mapping[str, Tensor], *, xlabel: str, num_bins: int = 50) -> Picture:
    """Draw the histogram of each named set of values on common bins, as shares of the set.

    The bins divide the range of all but the outermost values, which the outermost bins take: one
    outlier would leave all others a single bar.

    Args:
        values: By name, ``(N,)`` finite values.
        xlabel: Name of the horizontal axis.
        num_bins: How many bins, at least 1.
    """
    joined = torch.cat(list(values.values()))
    low, high = (joined.quantile(q).item() for q in (OUTER, 1 - OUTER))
    edges = torch.linspace(low, high, num_bins + 1).tolist()
    if low == high:
        edges = [low - 0.5, low + 0.5]
    beyond = bool(((joined < edges[0]) | (joined > edges[-1])).any())

    def draw(axes: Any) -> None:
        for found, color in zip(values.values(), class_colors(len(values)), strict=True):
            weights = torch.full_like(found, 1 / len(found)).numpy()
            inside = found.clamp(edges[0], edges[-1])
            axes.hist(inside.numpy(), edges, weights=weights, alpha=0.6, color=color)
        axes.locator_params(axis="x", nbins=4)

    drawn = plot(draw, xlabel, "share", class_legend(list(values)))
    return replace(drawn, note=INTO_THE_LAST if beyond else "")


def matrix(values: Tensor, rows: Sequence[str], *, xlabel: str, named: str) -> Picture:
    """Draw a matrix ``(R, C)`` as colours from 0 to 1.

    Args:
        values: In [0, 1].
        rows: A name per row; columns are numbered.
        xlabel: Name of the columns.
        named: What the colours stand for.
    """

    def draw(axes: Any) -> None:
        edges = [[i - 0.5 for i in range(side + 1)] for side in reversed(values.shape)]
        drawn = axes.pcolormesh(
            *edges, values.numpy(), vmin=0, vmax=1, cmap=sequential(), rasterized=True
        )
        axes.set_yticks(range(len(rows)), [written(row) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(visible=False)
        bar(axes, drawn, named)

    return plot(draw, xlabel, "")


def points(
    xy: Tensor,
    colors: Sequence[float] | None,
    *,
    xlabel: str,
    ylabel: str,
    named: str = "",
    names: Sequence[str | int] = (),
) -> Picture:
    """Draw points ``(N, 2)``, coloured by a value each.

    Args:
        xy: The points.
        colors: A class or an ordered value per point.
        xlabel: Name of the horizontal axis.
        ylabel: Name of the vertical axis.
        named: What ordered values are.
        names: What the classes 0, 1, … are called; empty of ordered values.
    """
    of_classes = class_colors(max(1, len(names)))

    def draw(axes: Any) -> None:
        chosen = [of_classes[int(c)] for c in colors] if names and colors else colors
        ordered = colors is not None and not names
        drawn = axes.scatter(
            *xy.T.numpy(),
            c=of_classes[0] if chosen is None else chosen,
            cmap=sequential() if ordered else None,
            s=area(len(xy)),
            alpha=OPACITY,
            linewidths=0,
            rasterized=True,
        )
        axes.set_aspect("equal", adjustable="datalim")
        if ordered:
            bar(axes, drawn, named)

    drawn = plot(draw, xlabel, ylabel, class_legend(names))
    return replace(drawn, note=SHARED.format(len(names)) if len(names) > MOST_CLASSES else "")


def area(count: int) -> float:
    """Return the area of each of some points: of few, each is large enough to show its colour."""
    return min(36.0, max(9.0, 18_000 / count))


def bar(axes: Any, drawn: Any, named: str) -> None:
    """Set a bar of colours beside a plot, with whole numbers where all values are whole."""
    from matplotlib.ticker import MaxNLocator

    values = drawn.get_array()
    ticks = MaxNLocator(6, integer=bool((values == values.round()).all()))
    beside = axes.figure.colorbar(drawn, label=written(named, ON_A_LINE), ticks=ticks)
    beside.outline.set_visible(False)
    beside.solids.set(alpha=1, rasterized=True)


def written(name: str, longest: int = LONGEST) -> str:
    """Return a user's name as matplotlib writes it: short, and no formula."""
    return shortened(name, longest).replace("$", r"\$")


def plot(draw: Callable[[Any], None], xlabel: str, ylabel: str, legend: Legend = ()) -> Picture:
    """Return what a function draws on a pair of axes."""

    def fill(figure: Any) -> None:
        axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
        axes.grid()
        axes.set_axisbelow(True)
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)

    return figured(fill, SIZE, legend)


def figured(
    fill: Callable[[Any], None],
    size: tuple[float, float],
    legend: Legend = (),
) -> Picture:
    """Return what a function draws on a figure, as SVG and, above the legend, as pixels.

    Args:
        fill: Draws on an empty figure of matplotlib.
        size: Width and height without the legend, pixels of CSS.
        legend: Name and colour of each class.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    width, height = size
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A name in letters that the font has not is drawn as boxes in a file; a page has others.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=(width / UNIT, height / UNIT), dpi=DPI, layout="constrained")
        fill(figure)
        svg = svg_of(figure)
        figure.set_dpi(DPI)  # which writing an SVG has changed
        if legend:
            columns = columns_of(legend, width)
            height += LEGEND_LINE * -(-len(legend) // columns) + 6
            figure.set_size_inches(width / UNIT, height / UNIT)
            marks = [
                Line2D(
                    [], [], color=color, marker="o", linestyle="", label=written(name, ON_A_LINE)
                )
                for name, color in legend
            ]
            figure.legend(handles=marks, loc="outside lower left", ncols=columns)
        return Picture(pixels_of(figure), legend=tuple(legend), svg=svg)


def columns_of(legend: Legend, width: float) -> int:
    """Return how many names of a legend stand side by side."""
    longest = max(len(written(name, ON_A_LINE)) for name, _ in legend)
    return int(max(1, min(5, len(legend), width // (36 + 8 * longest))))
