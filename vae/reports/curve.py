"""The curve of training: what it shows, and its picture."""

__all__ = ["Judged", "draw_curve", "judged"]

from collections.abc import Sequence
from typing import NamedTuple

from vae.evaluation import Picture
from vae.evaluation.plots import curves
from vae.history import Point

FEWEST = 5  # validations that make a curve to be judged
PART = 0.05  # of all that was gained: what counts as a rise or a fall
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
            f"The validation ELBO was highest at step {best.step:,} and fell by {lost:,.3g} nats "
            f"until step {last.step:,}: the training data are being learned by heart."
        )
        return Judged(text, True)
    before = max(p.elbo for p in history if p.step <= LATE * last.step or p is first)
    if best.elbo - before > PART * gained:
        text = (
            f"The validation ELBO still rose by {best.elbo - before:,.3g} nats over the last "
            "quarter of the steps: longer training is likely to raise it."
        )
        return Judged(text, True)
    return Judged(f"The validation ELBO has levelled off by step {last.step:,}.", False)


def draw_curve(history: Sequence[Point]) -> Picture:
    """Draw the ELBO of training and validation over the steps, from two validations on.

    The first validations are left out where they lie so low that the rest would be a flat line.
    """
    shown = visible(history)
    known = [point for point in shown if point.train_elbo is not None]
    lines = {
        "training": ([p.step for p in known], [p.train_elbo or 0.0 for p in known]),
        "validation": ([p.step for p in shown], [p.elbo for p in shown]),
    }
    drawn = {name: line for name, line in lines.items() if line[0]}
    return curves(drawn, xlabel="optimizer steps", ylabel="ELBO (nats)")


def visible(history: Sequence[Point]) -> Sequence[Point]:
    """Return the points from the first on that is not far below the others."""
    elbos = sorted(point.elbo for point in history)
    best, lower = elbos[-1], elbos[len(elbos) // 4]
    least = best - 4 * (best - lower)
    start = next(i for i, point in enumerate(history) if point.elbo >= least)
    return history[min(start, max(0, len(history) - 2)) :]
