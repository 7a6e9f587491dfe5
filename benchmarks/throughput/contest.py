"""Contestants of a workload, and their figures side by side."""

__all__ = ["enter", "hold", "prepare_process", "summary"]

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.throughput.turns import Contestant, take_turns
from benchmarks.throughput.workloads import WORKLOADS, Case, fast_settings, find_run
from vae.cli.environment import prepare_process

WARM_UP = 20  # steps, in groups


@contextmanager
def enter(
    names: Sequence[str], workload: str, pictures: Path, *, alone: bool = False
) -> Iterator[dict[str, Contestant]]:
    """Yield the contestants of a workload, by name; each has a folder of its own.

    Alone, `ours` hands over after its first step already.
    """
    entered: dict[str, Contestant] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in names:
                (Path(folder) / name).mkdir()
                extra = fast_settings() if name == "fast" else []
                extra = [*extra, "group_size=1"] if alone else extra
                case = Case(WORKLOADS[workload], pictures, Path(folder) / name, extra)
                entered[name] = Contestant(find_run(name, case))
            yield entered
        finally:
            for contestant in entered.values():
                contestant.close()


def hold(
    names: Sequence[str], workload: str, pictures: Path, *, rounds: int, steps: int
) -> dict[str, Any]:
    """Let contestants take turns at a workload; return figures of each and ratios."""
    what = WORKLOADS[workload]
    steps = max(what.group, round(steps * what.share))
    warm_up = max(what.group, round(WARM_UP * what.share))
    with enter(names, workload, pictures) as entered:
        sizes = {"rounds": rounds, "steps": steps, "group": what.group, "warm_up": warm_up}
        speeds = take_turns(entered, **sizes)
        saves = [c.notes["save_seconds"] for c in entered.values() if "save_seconds" in c.notes]
    images = {name: [what.examples * s for s in speeds[name]] for name in names}
    return {
        **sizes,
        "examples_per_step": what.examples,
        "images_per_second": {name: summary(values) for name, values in images.items()},
        "ratios": {
            name: {other: ratio(images[name], images[other]) for other in names if other != name}
            for name in ("ours", "fast")
            if name in images
        },
        "save_seconds": saves[0] if saves else None,
    }


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Return the median, the range and the values themselves."""
    return {
        "median": statistics.median(values),
        "range": [min(values), max(values)],
        "rounds": list(values),
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Return what `summary` says of the ratios within rounds."""
    return summary([a / b for a, b in zip(ours, theirs, strict=True)])
