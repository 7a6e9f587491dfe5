"""Loops that take turns, each in a process of its own."""

__all__ = ["Contestant", "Run", "Turn", "take_turns"]

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

REST = 0.05  # seconds between turns, in which the threads of the last one fall asleep


class Turn:
    """What a loop tells of itself: it calls `done` after each step.

    Args:
        hand_over: Is called with this when enough steps were taken, and returns when it is the
            loop's turn again, with the number of steps to take.
        due: Steps of the first turn.

    Attributes:
        steps: Taken in this turn.
        notes: Figures that the loop has to say besides, by name.
        loss: The loss of pictures ``(B, *shape)`` in nats per picture, as the loop computes it.
    """

    loss: Callable[[Tensor], Any]

    def __init__(self, hand_over: Callable[["Turn"], int], due: int) -> None:
        self.hand_over = hand_over
        self.notes: dict[str, Any] = {}
        self.paused: float | None = None
        self.begin(due)

    def begin(self, due: int) -> None:
        """Start the clock and the count."""
        self.due, self.steps, self.left_out = due, 0, 0.0
        self.start = time.perf_counter()

    def done(self, steps: int = 1) -> None:
        """Count steps, and hand over when enough were taken."""
        self.steps += steps
        if self.steps >= self.due:
            self.begin(self.hand_over(self))

    @property
    def seconds(self) -> float:
        """Since the turn began, without what was left out."""
        return time.perf_counter() - self.start - self.left_out

    def pause(self) -> None:
        """Stop the clock."""
        self.paused = time.perf_counter()

    def resume(self) -> None:
        """Start the clock again, if it was stopped."""
        if self.paused is not None:
            self.left_out += time.perf_counter() - self.paused
            self.paused = None


Run = Callable[[Turn], None]  # an endless loop


class Contestant:
    """A loop in a process of its own that waits while others have their turn.

    Args:
        name: Who, of `benchmarks.throughput.workloads.MODULES`.
        workload: Name of the workload.
        pictures: The file of them.
        folder: Where it may write; it is made.
        threads: Of torch.
        device: ``cpu`` or ``cuda``.
        overrides: Further settings.
        checkout: A folder with another revision of this project to take part with.

    Attributes:
        told: What the process said after its last turn, see `benchmarks.throughput.worker`.
    """

    def __init__(
        self,
        name: str,
        workload: str,
        pictures: Path,
        folder: Path,
        *,
        threads: int,
        device: str = "cpu",
        overrides: Sequence[str] = (),
        checkout: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        given = [workload, name, str(pictures), str(folder), str(threads), device, *overrides]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput.worker", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=checkout,
            env=None if checkout is None else {**os.environ, "PYTHONPATH": str(checkout)},
        )
        self.told: dict[str, Any] = {}

    def advance(self, steps: int, judged_by: Path | None = None) -> tuple[int, float]:
        """Let the loop take at least so many steps; return how many it took and the seconds.

        Args:
            steps: How many.
            judged_by: A file of pictures whose mean loss is told afterwards.

        Raises:
            RuntimeError: If the process ended.
        """
        time.sleep(REST)
        self.ask(steps, judged_by)
        return self.hear()

    def ask(self, steps: int, judged_by: Path | None = None) -> None:
        """Let the loop begin its turn."""
        assert self.process.stdin is not None
        print(steps, judged_by or "", file=self.process.stdin, flush=True)

    def hear(self) -> tuple[int, float]:
        """Wait for the end of the turn; return what `advance` does."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a contestant ended: {self.process.args!r}")
        self.told = json.loads(line)
        return self.told["steps"], self.told["seconds"]

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


def take_turns(
    contestants: Mapping[str, Contestant],
    *,
    rounds: int,
    steps: int,
    group: int,
    warm_up: int,
    seconds: float | None = None,
) -> dict[str, list[float]]:
    """Return steps per second in each round, by contestant.

    Args:
        contestants: Who takes part.
        rounds: How many figures each gets, at least 1.
        steps: Of each contestant in a round, at least.
        group: Steps of a turn.
        warm_up: Steps of each that are not timed, at least 1.
        seconds: How long a turn takes about; ``None`` means that all turns have `group` steps.
    """
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    groups = dict.fromkeys(order, group)
    for contestant in contestants.values():  # all at once: some compile for a minute
        contestant.ask(warm_up)
    for contestant in contestants.values():
        contestant.hear()
    if seconds is not None:
        for name, contestant in contestants.items():
            count, clocked = contestant.advance(group)
            groups[name] = max(group, round(seconds * count / clocked))
    for _ in range(rounds):
        taken = dict.fromkeys(order, 0)
        spent = dict.fromkeys(order, 0.0)
        for _ in range(-(-steps // group)):
            order.reverse()
            for name in order:
                count, clocked = contestants[name].advance(groups[name])
                taken[name] += count
                spent[name] += clocked
        for name in contestants:
            speeds[name].append(taken[name] / spent[name])
    return speeds
