"""The curve of training: the figures of every validation, as a checkpoint keeps them."""

__all__ = ["KEY", "MOST", "Point", "points_of", "thinned"]

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

KEY = "History"  # of the state among those of a checkpoint's callbacks
MOST = 400  # points kept: of longer runs every second one is let go, again and again
MOST_STEPS = 2**53


class Point(NamedTuple):
    """The figures of one validation, in nats per example.

    Attributes:
        step: Optimizer steps before it.
        elbo: ELBO of the validation data.
        log_likelihood: Of the validation data, E log p(x|z).
        kl: Of the validation data.
        train_elbo: Mean over the training steps logged last, where that was since the validation
            before; else ``None``.
        train_step: The last of those steps; ``None`` where there is no ``train_elbo``.
    """

    step: int
    elbo: float
    log_likelihood: float
    kl: float
    train_elbo: float | None = None
    train_step: int | None = None


def thinned(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """Return points, or every second one and the last where there are more than ``most``."""
    if len(points) <= most:
        return list(points)
    return [point for i, point in enumerate(points[:-1]) if i % 2 == 0] + [points[-1]]


def points_of(checkpoint: dict[str, Any]) -> tuple[Point, ...]:
    """Return the curve that a checkpoint holds, which may be somebody else's file.

    There is none in a checkpoint that was written without it, nor in one whose rows are not the
    numbers that they must be: a curve is no reason to refuse a model.
    """
    states = checkpoint.get("callbacks")
    state = states.get(KEY) if isinstance(states, dict) else None
    rows = state.get("points") if isinstance(state, dict) else None
    if not isinstance(rows, list) or len(rows) > MOST or not all(map(is_point, rows)):
        return ()
    steps = [row[0] for row in rows]
    return tuple(Point(*row) for row in rows) if steps == sorted(steps) else ()


def is_point(row: Any) -> bool:
    """Say whether a value is the plain form of a point."""
    if not isinstance(row, list) or len(row) != len(Point._fields):
        return False
    step, *figures, train, measured = row
    if train is None:
        return measured is None and is_step(step) and all(map(is_figure, figures))
    return is_step(step) and is_step(measured) and all(map(is_figure, [*figures, train]))


def is_step(value: Any) -> bool:
    """Say whether a value is a number of steps."""
    return type(value) is int and 0 <= value < MOST_STEPS


def is_figure(value: Any) -> bool:
    """Say whether a value can be drawn."""
    return type(value) is float and isfinite(value)
