"""Contestants of a workload, and their figures side by side."""

__all__ = ["enter", "hold", "start", "summary"]

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.throughput.turns import Contestant, take_turns
from benchmarks.throughput.workloads import OURS, WORKLOADS, settings_of

WARM_UP = 20  # steps, in groups
TURN = 0.5  # seconds of a turn on a GPU, where contestants differ a hundredfold


@contextmanager
def enter(
    names: Sequence[str],
    workload: str,
    pictures: Path,
    *,
    threads: int,
    device: str = "cpu",
    overrides: Sequence[str] = (),
) -> Iterator[dict[str, Contestant]]:
    """Yield the contestants of a workload, by name; each has a folder of its own."""
    entered: dict[str, Contestant] = {}
    with tempfile.TemporaryDirectory() as place:
        try:
            for name in names:
                folder = Path(place) / name
                extra = [*settings_of(name, device), *overrides]
                entered[name] = Contestant(
                    name,
                    workload,
                    pictures,
                    folder,
                    threads=threads,
                    device=device,
                    overrides=extra,
                )
            yield entered
        finally:
            for contestant in entered.values():
                contestant.close()


def start(
    names: Sequence[str],
    workload: str,
    pictures: Path,
    *,
    threads: int,
    device: str = "cpu",
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Let one contestant after the other take its first step; return how long that took each."""
    found = {}
    for name in names:
        extra = [*overrides, "group_size=1"]  # ours hands over after the first step already
        given: Any = {"threads": threads, "device": device, "overrides": extra}
        with enter([name], workload, pictures, **given) as entered:
            entered[name].advance(1)
            told = entered[name].told
            found[name] = {"imported": told["imported"], "first_step": told["ready"]}
    return found


def hold(
    names: Sequence[str],
    workload: str,
    pictures: Path,
    *,
    rounds: int,
    steps: int,
    threads: int,
    device: str = "cpu",
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Let contestants take turns at a workload; return figures of each and ratios."""
    what = WORKLOADS[workload]
    steps = max(what.group, round(steps * what.share))
    warm_up = max(what.group, round(WARM_UP * what.share))
    given: Any = {"threads": threads, "device": device, "overrides": overrides}
    with enter(names, workload, pictures, **given) as entered:
        sizes = {"rounds": rounds, "steps": steps, "group": what.group, "warm_up": warm_up}
        speeds = take_turns(entered, **sizes, seconds=TURN if device == "cuda" else None)
        told = {name: contestant.told for name, contestant in entered.items()}
    images = {name: [what.examples * s for s in speeds[name]] for name in names}
    saves = [
        one["notes"]["save_seconds"] for one in told.values() if "save_seconds" in one["notes"]
    ]
    return {
        **sizes,
        "examples_per_step": what.examples,
        "images_per_second": {name: summary(values) for name, values in images.items()},
        "ratios": {
            name: {other: ratio(images[name], images[other]) for other in names if other != name}
            for name in OURS
            if name in images
        },
        "peak_mib": {name: one["peak_mib"] for name, one in told.items()},
        "device_mib": {name: one["device_mib"] for name, one in told.items()},
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
