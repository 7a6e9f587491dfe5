"""Predicted against true numbers, each with how sure its prediction is."""

__all__ = ["against_truth"]

from dataclasses import replace
from typing import Any

from torch import Tensor

from vae.evaluation.drawing.palette import class_colors
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import plot

MOST = 150  # points, of which each bar can still be seen


def against_truth(y: Tensor, mean: Tensor, deviation: Tensor) -> Picture:
    """Draw predicted against true numbers, with one deviation on either side, beside the diagonal.

    Args:
        y: The numbers, ``(N,)``.
        mean: Their predictions.
        deviation: Of each prediction.
    """
    color, other = class_colors(2)
    step = -(-len(y) // MOST)
    true, predicted, wide = (values[::step].tolist() for values in (y, mean, deviation))
    ends = [min(true), max(true)]

    def draw(axes: Any) -> None:
        axes.plot(ends, ends, color=other, linestyle="--", zorder=3)
        axes.errorbar(
            true, predicted, wide, fmt=".", color=color, ecolor=f"{color}66", elinewidth=1
        )

    some = f"{len(true):,} of {len(y):,} examples; the" if step > 1 else "The"
    drawn = plot(draw, "true target", "predicted")
    return replace(drawn, note=f"{some} bars are one predictive deviation on either side.")
