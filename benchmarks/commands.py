"""Whole commands of two revisions of this project in turns: what a person waits for.

    git worktree add ../before REVISION
    python -m benchmarks.commands ../before [--words model=conv] [--rounds 3] [--busy 0]
        [--evaluate] [--output FILE]

Each revision runs ``train.py`` with the same words from its own checkout, from the command to the
end of its report, in a process of its own. With ``--evaluate`` the earlier revision trains once,
and both evaluate its checkpoint by ``eval.py report=full``. With ``--busy`` so many other processes
compute without end meanwhile. A ratio below 1 says that this checkout takes less time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.busy import neighbours
from benchmarks.throughput.report import keep

HERE = Path(__file__).parents[1]
FIGURES = ("elbo", "nll")  # of the report's bound


def timed(checkout: Path, *command: str) -> dict[str, float]:
    """Run a command of a checkout; return the seconds of the clock and of the processor."""
    before, start = os.times(), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    call = [sys.executable, *command]
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, cwd=checkout, env=environment)
    wall, after = time.perf_counter() - start, os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return {"seconds": wall, "processor_seconds": spent}


def figures_of(report: Path) -> dict[str, float]:
    """Return figures of a report."""
    found = json.loads(report.read_text())["bound"]["figures"]
    return {name: found[name] for name in FIGURES if name in found}


def in_turns(before: Path, args: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Return what each round of each revision took, and its figures."""
    found: dict[str, list[dict[str, float]]] = {"before": [], "after": []}
    with tempfile.TemporaryDirectory() as name:
        trained = Path(name) / "trained"
        if args.evaluate:
            timed(before, "train.py", *args.words, "test=false", f"hydra.run.dir={trained}")
        for number in range(args.rounds):
            for who, checkout in (("before", before), ("after", HERE)):
                folder = Path(name) / f"{who}{number}"
                command = ["train.py", *args.words, f"hydra.run.dir={folder}"]
                if args.evaluate:
                    place = [f"checkpoint={trained}/checkpoints/best.ckpt", f"output={folder}"]
                    command = ["eval.py", *place, "report=full"]
                with neighbours(args.busy):
                    took = timed(checkout, *command)
                took |= figures_of(folder / "metrics.json")
                found[who].append(took)
                print(who, json.dumps(took), flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a checkout of the other revision")
    parser.add_argument("--words", nargs="*", default=["model=conv"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=0, help="processes beside")
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--output", type=Path, help="JSON")
    args = parser.parse_args(arguments)
    rounds = in_turns(args.before.resolve(), args)
    pairs = list(zip(rounds["after"], rounds["before"], strict=True))
    ratios: dict[str, Any] = {
        name: statistics.median(after[name] / before[name] for after, before in pairs)
        for name in ("seconds", "processor_seconds")
    }
    print("ratios", json.dumps(ratios))
    if args.output is not None:
        keep({"ratios": ratios, "rounds": rounds}, args.output, "benchmarks.commands", arguments)


if __name__ == "__main__":
    main()
