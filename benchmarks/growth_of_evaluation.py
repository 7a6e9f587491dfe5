"""Memory and processor time of ``report=full`` as examples, classes, latents or samples grow.

    python -m benchmarks.growth_of_evaluation [--only table] [--threads 1]
                                              [--output evaluation.json]

Of each case a net is trained for three steps, and its report is made and written in a process of
its own, whose peak above the memory at the start of the report is read from the kernel, part by
part: `VmHWM`, which is set back before each. The data are in memory by then. Seconds are the
processor's, of all threads. A process beyond ``--most`` GiB is ended, and the case has no figures.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.throughput.report import describe, write
from vae.build import rebuild
from vae.cli.compose import compose_settings
from vae.cli.environment import prepare_process
from vae.cli.evaluate import saved_data
from vae.cli.evaluations import build_evaluations
from vae.cli.reporting import make_report, write_report
from vae.evaluation import Evaluation, Section, Subject
from vae.saved import read_saved

GIB, MIB = 2**30, 2**20
ANSWER = "figures "  # begins the line that a process ends with


@dataclass(frozen=True)
class Case:
    """One evaluation.

    Args:
        judged: Examples of the test part; there are as many more to train on, 2,000 at most.
        shape: Of an example.
        classes: How many distinct labels; 0 for none.
        training: Settings of train.py.
        report: Settings of eval.py.
    """

    judged: int = 2000
    shape: tuple[int, ...] = (50,)
    classes: int = 0
    training: Sequence[str] = ()
    report: Sequence[str] = ()

    def write(self, path: Path) -> None:
        """Write the examples."""
        rng = np.random.default_rng(0)
        arrays: dict[str, Any] = {}
        for part, count in {"train": max(2000, self.classes), "test": self.judged}.items():
            arrays[f"x_{part}"] = rng.standard_normal((count, *self.shape), dtype=np.float32)
            if self.classes:
                found = rng.permutation(np.arange(count) % self.classes)
                arrays[f"labels_{part}"] = found
        np.savez(path, **arrays)


CASES = {
    "table 2,000": Case(),
    "table 20,000": Case(20_000),
    "table 200,000": Case(200_000),
    "classes 1,000": Case(classes=1000),
    "classes 10,000": Case(10_000, classes=10_000),
    "classes 100,000": Case(100_000, classes=100_000),
    "latents 1,000": Case(training=["model.latent_dim=1000"]),
    "latents 10,000": Case(training=["model.latent_dim=10000"]),
    "samples 5,000": Case(100, training=["data.eval_batch_size=1"], report=["test_samples=5000"]),
    "pictures 64": Case(500, (3, 64, 64), training=["model=conv"]),
    "pictures 256": Case(500, (3, 256, 256), training=["model=conv"]),
}


class Watched(Evaluation):
    """An evaluation that leaves its peak memory and its processor time in a row."""

    of_predictions = None

    def __init__(self, name: str, inner: Evaluation, rows: list[dict[str, Any]]) -> None:
        self.name, self.inner, self.rows = name, inner, rows
        self.of_predictions = inner.of_predictions

    def __call__(self, subject: Subject) -> Section:
        """Measure."""
        with Meter(self.name, self.rows):
            return self.inner(subject)


class Meter:
    """Reads the peak of the memory and the processor time of what runs inside it."""

    def __init__(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.name, self.rows = name, rows

    def __enter__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held
        self.before, self.since = resident("VmRSS"), time.process_time()

    def __exit__(self, *_: object) -> None:
        found = {"part": self.name, "before": self.before, "peak": resident("VmHWM")}
        self.rows.append({**found, "seconds": time.process_time() - self.since})


def resident(which: str) -> int:
    """Return the bytes that this process holds, or held at most."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def report_of(run: Path, overrides: Sequence[str], threads: int) -> list[dict[str, Any]]:
    """Make and write the full report of a run in this process."""
    path = run / "checkpoints" / "last.ckpt"
    settings = compose_settings(
        [f"checkpoint={path}", "report=full", "test_samples=10", *overrides], command="eval"
    )
    prepare_process(threads)
    evaluations = build_evaluations(settings["report"], seed=0)
    saved = read_saved(path)
    data = saved_data(saved, {})
    subject = Subject(rebuild(saved).eval(), data)
    subject.batches()
    rows: list[dict[str, Any]] = []
    watched = {name: Watched(name, part, rows) for name, part in evaluations.items()}
    report = make_report(subject, saved, watched)
    with Meter("files", rows):
        write_report(report, run / "eval", None)
    return rows


def trained(case: Case, folder: Path) -> Path:
    """Train three steps by train.py and return the folder of the run."""
    case.write(folder / "x.npz")
    command = [
        *(sys.executable, "-m", "vae", "train", "data=array", f"data.path={folder / 'x.npz'}"),
        *("model=mlp", "trainer.max_steps=3", "trainer.limit_val_batches=0", "test=false"),
        *("logger=none", f"hydra.run.dir={folder / 'run'}", *case.training),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "run"


def measured(case: Case, *, threads: int, most: int) -> dict[str, Any]:
    """Return the figures of a case, empty where its process was ended."""
    with tempfile.TemporaryDirectory() as name:
        run = trained(case, Path(name))
        command = [sys.executable, "-m", "benchmarks.growth_of_evaluation", "--run", str(run)]
        command += ["--threads", str(threads), *case.report]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                time.sleep(0.2)
                if held_by(process.pid) > most:
                    process.kill()
            assert process.stdout is not None
            lines = process.stdout.read().splitlines()
    told = [line.removeprefix(ANSWER) for line in lines if line.startswith(ANSWER)]
    rows = json.loads(told[0]) if told else []
    start = rows[0]["before"] if rows else 0
    return {
        "peak_bytes": max((row["peak"] - start for row in rows), default=None),
        "seconds": sum(row["seconds"] for row in rows) if rows else None,
        "parts": rows,
    }


def held_by(pid: int) -> int:
    """Return the resident bytes of a process; 0 if it has ended."""
    try:
        return 4096 * int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def show(name: str, found: Mapping[str, Any]) -> None:
    """Print what a case took, and its three largest parts."""
    if not found["parts"]:
        print(f"{name}: ended", flush=True)
        return
    start = found["parts"][0]["before"]
    print(f"{name}: {found['peak_bytes'] / MIB:,.0f} MiB, {found['seconds']:.1f} s", flush=True)
    for row in sorted(found["parts"], key=lambda row: -row["peak"])[:3]:
        print(f"    {row['part']}: {(row['peak'] - start) / MIB:,.0f} MiB", flush=True)
    for row in sorted(found["parts"], key=lambda row: -row["seconds"])[:3]:
        print(f"    {row['part']}: {row['seconds']:.1f} s", flush=True)


def main() -> None:
    """Measure every case in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth_of_evaluation")
    parser.add_argument("--only", default="", help="cases whose name begins so: table, ...")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=float, default=8, help="GiB beyond which a case is ended")
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options, overrides = parser.parse_known_args()
    if options.run:
        print(ANSWER + json.dumps(report_of(options.run, overrides, options.threads)))
        return
    results: dict[str, Any] = {"machine": describe()}
    for name, case in CASES.items():
        if name.startswith(options.only):
            most = int(options.most * GIB)
            results[name] = measured(case, threads=options.threads, most=most)
            show(name, results[name])
    if options.output:
        write(results, options.output)


if __name__ == "__main__":
    main()
