"""Contestants that take turns in one process and one thread."""

__all__ = ["Contestant", "Run", "take_turns"]

import time
from collections.abc import Callable, Mapping
from typing import Any

from greenlet import greenlet

Run = Callable[["Contestant"], None]  # an endless loop that calls `done` after each step


class Contestant:
    """A loop that can be left in the midst of a call, and gone on with.

    Args:
        run: The loop; it starts with the first turn.

    Attributes:
        notes: What the loop has to say besides, by name.
    """

    def __init__(self, run: Run) -> None:
        self.loop: Any = greenlet(lambda: run(self))
        self.notes: dict[str, Any] = {}
        self.steps = self.due = 0
        self.left_out = 0.0
        self.paused: float | None = None

    def advance(self, steps: int) -> tuple[int, float]:
        """Let the loop take at least so many steps; return how many it took and the seconds.

        Raises:
            RuntimeError: If the loop ended.
        """
        self.steps, self.due, self.left_out = 0, steps, 0.0
        start = time.perf_counter()
        self.loop.switch()
        seconds = time.perf_counter() - start - self.left_out
        if self.loop.dead:
            raise RuntimeError(f"the loop ended after {self.steps} of {steps} steps")
        return self.steps, seconds

    def done(self, steps: int = 1) -> None:
        """Count steps, and hand over when enough were taken; called by the loop."""
        self.steps += steps
        if self.steps >= self.due:
            self.loop.parent.switch()

    def pause(self) -> None:
        """Stop the clock; called by the loop."""
        self.paused = time.perf_counter()

    def resume(self) -> None:
        """Start the clock again, if it was stopped; called by the loop."""
        if self.paused is not None:
            self.left_out += time.perf_counter() - self.paused
            self.paused = None

    def close(self) -> None:
        """End the loop where it stands."""
        self.loop.throw()


def take_turns(
    contestants: Mapping[str, Contestant], *, rounds: int, steps: int, group: int, warm_up: int
) -> dict[str, list[float]]:
    """Return steps per second in each round, by contestant.

    Args:
        contestants: Who takes part.
        rounds: How many figures each gets, at least 1.
        steps: Of each contestant in a round, at least.
        group: Steps of a turn.
        warm_up: Steps of each that are not timed, at least 1.
    """
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    for contestant in contestants.values():
        contestant.advance(warm_up)
    for _ in range(rounds):
        taken = dict.fromkeys(order, 0)
        spent = dict.fromkeys(order, 0.0)
        for _ in range(-(-steps // group)):
            order.reverse()
            for name in order:
                count, seconds = contestants[name].advance(group)
                taken[name] += count
                spent[name] += seconds
        for name in contestants:
            speeds[name].append(taken[name] / spent[name])
    return speeds
