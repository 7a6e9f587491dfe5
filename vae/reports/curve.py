"""The curve of training: what it shows, and its picture."""

__all__ = ["Judged", "draw_curve", "judged"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from vae.evaluation import Picture
from vae.evaluation.drawing.palette import class_colors, class_legend
from vae.evaluation.drawing.plots import plot
from vae.history import Point

FEWEST = 5  # validations that make a curve to be judged
PART = 0.05  # of all that was gained: what counts as a rise or a fall
MARKED = 15  # validations, below which each is marked
LATE = 0.75  # of the steps, after which a rise is one at the end


class Judged(NamedTuple):
    """How a curve ends.

    Attributes:
        text: In words.
        caution: Whether that asks for something to be done.
    """

    text: str
    caution: bool


def judged(history: Sequence[Point]) -> Judged | None:
    """Say whether the validation ELBO still rises at the end, falls, or is flat.

    A rise or a fall counts where it is more than a twentieth of what was gained since the first
    validation. ``None`` of fewer than five validations, or where nothing was gained.
    """
    if len(history) < FEWEST:
        return None
    first, last = history[0], history[-1]
    best = max(history, key=lambda point: point.elbo)
    gained, lost = best.elbo - first.elbo, best.elbo - last.elbo
    if gained <= 0:
        return Judged("The validation ELBO never rose above that of the first validation.", True)
    if lost > PART * gained:
        text = (
            f"The validation ELBO was highest at step {best.step:,} and fell by "
            f"{few_digits(lost)} nats until step {last.step:,}: the training data are being "
            "learned by heart."
        )
        return Judged(text, True)
    before = max(p.elbo for p in history if p.step <= LATE * last.step or p is first)
    if best.elbo - before > PART * gained:
        text = (
            f"The validation ELBO still rose by {few_digits(best.elbo - before)} nats over the "
            "last quarter of the steps: longer training is likely to raise it."
        )
        return Judged(text, True)
    return Judged(f"The validation ELBO has levelled off by step {last.step:,}.", False)


def few_digits(value: float) -> str:
    """Return a positive number with three digits, or all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw_curve(history: Sequence[Point], step: int | None = None) -> Picture:
    """Draw the ELBO of training and validation over the steps.

    The first validations are left out where they lie so low that the rest would be a flat line.

    Args:
        history: Two points or more.
        step: Of the weights that the report is of, which is marked.
    """
    shown = visible(history)
    lines = {"validation": [(p.step, p.elbo) for p in shown], "training": measured(history, shown)}
    lines = {name: points for name, points in lines.items() if points}
    colors = class_colors(len(lines))
    judged_at = [point for point in lines["validation"] if point[0] == step]

    def draw(axes: Any) -> None:
        for points, color in zip(lines.values(), colors, strict=True):
            axes.plot(*zip(*points, strict=True), color=color, marker="." * (len(points) < MARKED))
        for x, y in judged_at:
            axes.plot(x, y, color=colors[0], marker="o", markersize=9)
        axes.xaxis.get_major_locator().set_params(integer=True)

    drawn = plot(draw, "optimizer steps", "ELBO (nats)", class_legend(list(lines)))
    left_out = "" if len(shown) == len(history) else f"From step {shown[0].step:,} on. "
    marked = "The large dot is the checkpoint of this report." if judged_at else ""
    return replace(drawn, note=left_out + marked)


def visible(history: Sequence[Point]) -> Sequence[Point]:
    """Return the points from the first on that is not far below the others."""
    least = least_of(history)
    start = next(i for i, point in enumerate(history) if point.elbo >= least)
    return history[min(start, max(0, len(history) - 2)) :]


def measured(history: Sequence[Point], shown: Sequence[Point]) -> list[tuple[int, float]]:
    """Return step and ELBO of training beside the points shown, from the first not far below on."""
    least, start = least_of(history), shown[0].step
    found = [(p.train_step, p.train_elbo) for p in history]
    known = [(x, y) for x, y in found if x is not None and y is not None and x >= start]
    first = next((i for i, (_, elbo) in enumerate(known) if elbo >= least), len(known))
    return known[first:]


def least_of(history: Sequence[Point]) -> float:
    """Return the ELBO below which an early one would make a flat line of the rest."""
    elbos = sorted(point.elbo for point in history)
    best, lower = elbos[-1], elbos[len(elbos) // 4]
    return best - 4 * (best - lower)
