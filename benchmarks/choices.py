"""The time to a given ELBO by rate, batch and length: what a run's defaults are chosen by.

    python -m benchmarks.choices [--run model=conv] [--grid optimizer.lr=2e-3,4e-3
        trainer.max_epochs=3,5] [--seeds 1] [--threads 1] [--out table.json]

Trains by ``train.py`` with each combination of the values of the grid, each in a process of its
own, and tells the ELBO of the test part at the end, in nats, and the seconds from the command to
there: of the processor, which other processes disturb least, and of the clock. Everything that a
user waits for is in them, the report as well.
"""

import argparse
import json
import shlex
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks.commands import HERE, figures_of, timed
from benchmarks.throughput.report import keep

GRID = ["optimizer.lr=2e-3,4e-3,8e-3", "trainer.max_epochs=2,3,5"]


def combinations(grid: Sequence[str]) -> Iterator[list[str]]:
    """Yield the overrides of each combination of values that commas part."""
    axes = [(name, values.split(",")) for name, values in (text.split("=", 1) for text in grid)]
    for chosen in product(*(values for _, values in axes)):
        yield [f"{name}={value}" for (name, _), value in zip(axes, chosen, strict=True)]


def measured(run: Sequence[str], threads: int) -> dict[str, float]:
    """Train once, and return the seconds and the ELBO of the test part."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*run, f"threads={threads}", f"hydra.run.dir={folder}/run"]
        took = timed(HERE, "train.py", *words)
        return took | {"elbo": figures_of(Path(folder, "run", "metrics.json"))["elbo"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--run", nargs="*", default=["model=conv"])
    parser.add_argument("--grid", nargs="*", default=GRID)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(arguments)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(args.seeds):
        for chosen in combinations(args.grid):
            once = measured([*args.run, *chosen, f"seed={seed}"], args.threads)
            found.setdefault(shlex.join(chosen), []).append(once)
            print(shlex.join(chosen), json.dumps(once), flush=True)
    table = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        for name, runs in found.items()
    }
    print(json.dumps(table, indent=2))
    if args.out is not None:
        keep({"runs": table}, args.out, "benchmarks.choices", arguments)


if __name__ == "__main__":
    main()
