"""Plots of a report in one style, as pictures."""

__all__ = ["bars", "curves", "points"]

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from vae.evaluation.render import pixels_of

SIZE = (6.0, 3.4)  # inches
DPI = 150


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


def points(
    xy: Tensor, colors: Sequence[float] | None, *, xlabel: str, ylabel: str, named: str = ""
) -> Tensor:
    """Draw points ``(N, 2)``, coloured by a value each, uint8 ``(3, height, width)``.

    Args:
        xy: The points.
        colors: A label or factor per point.
        xlabel: Name of the horizontal axis.
        ylabel: Name of the vertical axis.
        named: What the colours stand for.
    """

    def draw(axes: Any) -> None:
        drawn = axes.scatter(*xy.T.numpy(), c=colors, cmap="turbo", s=6, alpha=0.7, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
        if colors is not None:
            axes.figure.colorbar(drawn, label=named)

    return plot(draw, xlabel, ylabel)


def plot(draw: Callable[[Any], None], xlabel: str, ylabel: str) -> Tensor:
    """Return what a function draws on a pair of axes, uint8 ``(3, height, width)``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    draw(axes)
    axes.spines[["top", "right"]].set_visible(False)
    return pixels_of(figure)
