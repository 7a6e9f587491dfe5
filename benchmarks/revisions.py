"""Whether a change made a step slower: two revisions of this project, in turns.

    git worktree add ../before REVISION
    python -m benchmarks.revisions ../before [--only mlp] [--rounds 21] [--output FILE]

Each revision trains in a process of its own from its own checkout, on the same pictures and with
the same settings, by what ``train.py`` builds. A ratio above 1 says that this checkout is the
faster one; its interval holds the median of as many rounds in 95 of 100 repetitions (bootstrap).
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.throughput.contest import WARM_UP, ratio, summary
from benchmarks.throughput.report import describe, write
from benchmarks.throughput.turns import Contestant, take_turns
from benchmarks.throughput.workloads import WORKLOADS, write_pictures

HERE = Path(__file__).parents[1]
DRAWS = 10_000  # of the bootstrap


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revisions")
    parser.add_argument("before", type=Path, help="a checkout of the other revision")
    parser.add_argument("--only", nargs="*", default=["mlp 784-400-20", "conv 64×64"])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=120, help="a round; heavy workloads less")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="JSON")
    options = parser.parse_args()
    given = " ".join(f"--{k} {getattr(options, k)}" for k in ("rounds", "steps", "threads"))
    results: dict[str, Any] = {
        "command": f"python -m benchmarks.revisions BEFORE {given}",
        "machine": describe(),
        "workloads": {},
    }
    for name in (name for name in WORKLOADS if name.startswith(tuple(options.only))):
        result = compare(name, options)
        results["workloads"][name] = result
        low, high = result["interval"]
        Console().print(
            f"{name}: {result['ratio']['median']:.3f} ({low:.3f} to {high:.3f}), peak MiB "
            f"{result['peak_mib']['after']:,.0f} after {result['peak_mib']['before']:,.0f}",
            highlight=False,
        )
    if options.output:
        write(results, options.output)


def compare(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the images a second of both revisions, their ratio and its interval."""
    what = WORKLOADS[name]
    checkouts = {"before": options.before.resolve(), "after": HERE}
    entered = {}
    with tempfile.TemporaryDirectory() as place:
        pictures = write_pictures(what, Path(place) / "pictures.npy")
        try:
            for revision, checkout in checkouts.items():
                entered[revision] = Contestant(
                    "ours",
                    name,
                    pictures,
                    Path(place) / revision,
                    threads=options.threads,
                    checkout=checkout,
                )
            speeds = take_turns(
                entered,
                rounds=options.rounds,
                steps=max(what.group, round(options.steps * what.share)),
                group=what.group,
                warm_up=max(what.group, round(WARM_UP * what.share)),
            )
            peaks = {revision: one.told["peak_mib"] for revision, one in entered.items()}
        finally:
            for one in entered.values():
                one.close()
    images = {revision: [what.examples * s for s in found] for revision, found in speeds.items()}
    found = ratio(images["after"], images["before"])
    return {
        "images_per_second": {revision: summary(values) for revision, values in images.items()},
        "ratio": found,
        "interval": interval(np.array(found["rounds"])),
        "peak_mib": peaks,
    }


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the median of values ``(N,)``."""
    drawn = np.random.default_rng(0).choice(values, (DRAWS, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
