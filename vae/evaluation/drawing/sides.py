"""Draws from the prior, and beside them draws from the aggregate posterior, as points."""

__all__ = ["ExampleClasses", "sides"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from vae.evaluation.drawing.canvas import INK
from vae.evaluation.drawing.layouts import Places
from vae.evaluation.drawing.marginals import OF_PRIOR
from vae.evaluation.drawing.palette import MOST_CLASSES, class_colors, class_legend
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import OPACITY, figured, written

MOST = 2000  # points of a panel
WIDTH = 360  # pixels of CSS
OF_NO_CLASS = "#9aa0a8"
WORDS = 22  # pixels of CSS, of a title or the name of an axis
PANELS = ("prior p(z)", "aggregate posterior q(z)")


class ExampleClasses(NamedTuple):
    """The class of each example, and what the classes are called."""

    values: Tensor
    names: Sequence[str | int]


def sides(layout: Places, classes: ExampleClasses | None = None) -> Picture:
    """Draw both sets of points of a layout on equal panels, as many of each.

    Args:
        layout: What lies where.
        classes: Of the codes, which colour them.
    """
    count = min(MOST, len(layout.prior), len(layout.codes))
    told = classes is not None and 1 < len(classes.names) <= MOST_CLASSES
    colors: Any = class_colors(1)[0]
    of_prior = OF_PRIOR
    legend: tuple[tuple[str, str], ...] = ()
    if told and classes is not None:
        of_classes = class_colors(len(classes.names))
        colors = [of_classes[c] for c in classes.values[:count].tolist()]
        legend = class_legend(classes.names)
        of_prior = OF_NO_CLASS
    width, height = (layout.high - layout.low).tolist()
    wide = width > 1.6 * height
    panel = (WIDTH if wide else WIDTH / 2) * height / width
    words = WORDS * (2 if layout.names else 1)

    def fill(figure: Any) -> None:
        panels = figure.subplots(*((2, 1) if wide else (1, 2)), sharex=True, sharey=True)
        for axes, title, xy, color in zip(
            panels, PANELS, (layout.prior, layout.codes), (of_prior, colors), strict=True
        ):
            dots(axes, xy[:count], color)
            frame(axes, layout)
            axes.set_title(title, pad=3)
        if layout.names:
            panels[0].set_ylabel(written(layout.names[1]))

    drawn = figured(fill, (WIDTH, (2 if wide else 1) * (panel + words)), legend)
    return replace(drawn, note=f"{count:,} draws of either. {layout.note}")


def dots(axes: Any, xy: Tensor, colors: Any) -> None:
    """Draw points ``(N, 2)``."""
    size = min(16.0, max(4.0, 6_000 / len(xy)))
    axes.scatter(*xy.T.numpy(), c=colors, s=size, alpha=OPACITY, linewidths=0, rasterized=True)


def frame(axes: Any, layout: Places) -> None:
    """Set what both panels share: lines, words and the space that is shown."""
    for line in layout.lines:
        axes.plot(*line.T.numpy(), color=INK, linewidth=0.9, alpha=0.7)
    for word, (x, y) in layout.marks:
        axes.text(x, y, written(word), ha="center", va="center")
    (left, bottom), (right, top) = layout.low.tolist(), layout.high.tolist()
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    if layout.names:
        axes.set_xlabel(written(layout.names[0]))
        axes.locator_params(nbins=4)
        axes.spines[["top", "right"]].set_visible(False)
    else:
        axes.set_axis_off()
