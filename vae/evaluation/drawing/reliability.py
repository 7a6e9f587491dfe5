"""Reliability diagrams: what was promised against what came."""

__all__ = ["reliability"]

from collections.abc import Sequence
from typing import Any

from vae.evaluation.drawing.palette import class_colors
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import plot

SMALLEST, LARGEST = 3.0, 11.0  # sides of the marks, points


def reliability(
    promised: Sequence[float],
    found: Sequence[float],
    shares: Sequence[float],
    *,
    xlabel: str,
    ylabel: str,
) -> Picture:
    """Draw found against promised probabilities, beside the diagonal of a perfect model.

    Args:
        promised: Probabilities in [0, 1].
        found: As many.
        shares: Of all examples at each, in [0, 1], as the area of its mark.
        xlabel: Name of the horizontal axis.
        ylabel: Name of the vertical axis.
    """
    color, other = class_colors(2)

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=other, linestyle="--")
        axes.plot(promised, found, color=color)
        sizes = [max(SMALLEST, LARGEST * share**0.5) ** 2 for share in shares]
        axes.scatter(promised, found, s=sizes, color=color)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)

    return plot(draw, xlabel, ylabel)
