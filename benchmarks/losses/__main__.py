"""Whether a change left training alone: two revisions of this project, step by step.

    git worktree add --detach ../before REVISION
    python -m benchmarks.losses ../before [--steps 50] [--only NAME ...]

Every experiment that both revisions have, and the parts below one at a time, are trained for some
steps by the command of each revision, in a process and on the code of its own checkout, in one
thread. Compared bit for bit are the terms of the loss of every batch, all learned numbers after
every batch, and the validation figures; a weight may have another name. Small procedural pictures
stand in the files of MNIST, and batches are small: what is compared is arithmetic and the order of
random numbers. Exit status 1 if anything differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.losses.pictures import write_data
from benchmarks.losses.runs import HERE, runs

WORKER = Path(__file__).with_name("worker.py")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.losses")
    parser.add_argument("before", type=Path, help="a checkout of the other revision")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--only", nargs="*", help="names that begin so; all if none")
    options = parser.parse_args()
    before = options.before.resolve()
    wanted = {
        name: [*arguments, f"trainer.max_steps={options.steps}"]
        for name, arguments in runs(before).items()
        if not options.only or name.startswith(tuple(options.only))
    }
    differing = 0
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as place:
        write_data(Path(place))
        pairs = zip(*(results(c, wanted, Path(place)) for c in (before, HERE)), strict=True)
        for name, (theirs, ours) in zip(wanted, pairs, strict=True):
            told = difference(theirs, ours)
            differing += told is not None
            console.print(f"{name}: {told or 'identical'}", markup=False)
    console.print(f"{len(wanted) - differing} of {len(wanted)} are bit-identical")
    sys.exit(differing > 0)


def results(checkout: Path, wanted: dict[str, list[str]], place: Path) -> Iterator[dict[str, Any]]:
    """Yield what a checkout's own command makes of each run."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", str(WORKER)]  # without the folder of the file on its path
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=place, env=environment, stdin=pipe, stdout=pipe, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        for arguments in wanted.values():
            given = [argument.replace("{folder}", str(place)) for argument in arguments]
            print(json.dumps(given), file=worker.stdin, flush=True)
            line = worker.stdout.readline()
            if not line:
                raise RuntimeError(f"the process of {checkout} ended at {' '.join(given)}")
            yield json.loads(line)
        worker.stdin.close()


def difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str | None:
    """Say what differs first, ``None`` if nothing does."""
    if "error" in theirs or "error" in ours:
        before, after = (one.get("error", "runs") for one in (theirs, ours))
        return f"NOT COMPARED: before {before}; after {after}"
    counts = len(theirs["batches"]), len(ours["batches"])
    if counts[0] != counts[1]:
        return f"DIFFERS: {counts[0]} batches before, {counts[1]} after"
    for number, (a, b) in enumerate(zip(theirs["batches"], ours["batches"], strict=True), 1):
        if told := first_other(a, b):
            return f"DIFFERS at batch {number} in {told}"
    told = first_other(theirs["figures"], ours["figures"])
    return told and f"DIFFERS in {told}"


def first_other(before: dict[str, str], after: dict[str, str]) -> str | None:
    """Say which value differs first, and how, ``None`` if none does."""
    for name in [*before, *(after.keys() - before.keys())]:
        a, b = before.get(name, "not there"), after.get(name, "not there")
        if a != b:
            return f"{name}: {readable(a)} before, {readable(b)} after"
    return None


def readable(value: str) -> str:
    """Return a number as one reads it, anything else shortened."""
    return repr(float.fromhex(value)) if "0x" in value else value[:9]


if __name__ == "__main__":
    main()
