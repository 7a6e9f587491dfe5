"""Seconds to a given ELBO: a plain script, pythae and this project, on equal nets and data.

    python -m benchmarks.quality [--data data] [--target -110] [--threads 2]
                                 [--output docs/quality.json] [--plot docs/images/quality.png]

The mlp 784-400-20 on MNIST, whose pictures are drawn black and white once, so that all train on the
same; batch 128, Adam. With equal settings, a rate of 1e-3 throughout, ``plain``, ``pythae`` and
``ours`` differ by their speed alone, and so does a jitted loop in ``jax`` that takes twenty steps a
call. ``pythae's defaults`` are its own batch of 64 and rate of 1e-4. ``recipe`` is ours with a rate
that rises and falls over a few epochs and an output that starts at the mean picture; ``fast
recipe`` compiles it besides, in bf16 where the processor multiplies that.

They take turns, each in a process of its own (`benchmarks.throughput`). After each turn all 10,000
test pictures are judged, off the clock; seconds count from the start of the process, imports and
compilation included, validation and saves left out. Whoever has reached the target stops.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.throughput.report import describe, write
from benchmarks.throughput.turns import Contestant
from benchmarks.throughput.workloads import WORKLOADS, contestants, device_at_hand, settings_of
from vae.data import MNIST

WORKLOAD = "mlp 784-400-20"
FIRST, TURN = 20, 200  # steps of a turn
AXES = ("steps", "seconds")
DRAWN = ["data.binarization=none"]
EPOCHS = 12  # of the recipe
RECIPE = [
    "scheduler=one_cycle",
    "optimizer.lr=4e-3",
    "model.decoder.start_at_mean=true",
    f"trainer.max_epochs={EPOCHS}",
]
EQUAL = ["model.decoder.start_at_mean=false"]  # as the others
CONTESTANTS = {
    "plain": ("plain", []),
    "pythae": ("pythae", []),
    "pythae's defaults": ("pythae", ["data.batch_size=64", "optimizer.lr=1e-4"]),
    "jax": ("jax", []),
    "ours": ("ours", EQUAL),
    "graph": ("graph", EQUAL),
    "recipe": ("ours", RECIPE),
    "fast recipe": ("fast", RECIPE),
}


def draw(root: Path, folder: Path) -> tuple[Path, Path]:
    """Draw the pictures of MNIST once; return the files of training and of test."""
    rng = np.random.default_rng(0)
    splits = MNIST(str(root)).load()
    files = folder / "train.npy", folder / "test.npy"
    for examples, file in zip((splits.train, splits.test), files, strict=True):
        assert examples is not None
        grey = examples.take(torch.arange(len(examples))).numpy()
        np.save(file, grey > rng.integers(0, 255, grey.shape, dtype=np.uint8))
    return files


def race(
    pictures: Path, test: Path, folder: Path, target: float, *, most: int, threads: int, device: str
) -> dict[str, dict[str, Any]]:
    """Let all train until each has reached the target; return steps, seconds and ELBO of each."""
    curves: dict[str, dict[str, Any]] = {}
    present = contestants(WORKLOADS[WORKLOAD], fast=True, device=device)
    with ExitStack() as stack:
        racing = {}
        for name, (who, extra) in CONTESTANTS.items():
            if who not in present:
                continue
            given: Any = {"threads": threads, "device": device}
            given["overrides"] = [*settings_of(who, device), *DRAWN, *extra]
            one = Contestant(who, WORKLOAD, pictures, folder / name, **given)
            stack.callback(one.close)
            steps, _ = one.advance(FIRST, judged_by=test)
            curves[name] = {"steps": [steps], "seconds": [one.told["ready"]]}
            curves[name]["elbo"] = [-one.told["loss"]]
            racing[name] = one
        while racing:
            for name, one in list(racing.items()):
                steps, seconds = one.advance(TURN, judged_by=test)
                curve = curves[name]
                curve["steps"].append(curve["steps"][-1] + steps)
                curve["seconds"].append(curve["seconds"][-1] + seconds)
                curve["elbo"].append(-one.told["loss"])
                if curve["elbo"][-1] >= target or curve["steps"][-1] >= most:
                    del racing[name]
    return curves


def arrival(curve: dict[str, Any], target: float) -> dict[str, float] | None:
    """Return when the target was reached, ``None`` if it was not; between two judgements, linearly.

    Args:
        curve: Of `race`.
        target: The ELBO in nats.
    """
    above = [i for i, elbo in enumerate(curve["elbo"]) if elbo >= target]
    if not above:
        return None
    around = slice(max(above[0] - 1, 0), above[0] + 1)
    found = {k: float(np.interp(target, curve["elbo"][around], curve[k][around])) for k in AXES}
    return {**found, "seconds_of_start": curve["seconds"][0]}


def plot(curves: dict[str, dict[str, Any]], target: float, path: Path) -> None:
    """Draw the ELBO against the seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(curve["seconds"], curve["elbo"], ".-", markersize=3, label=name)
    axes.axhline(target, color="0.3", linewidth=0.8)
    axes.set(xlabel="seconds since the command", ylabel="ELBO of the test pictures, nats")
    axes.set_ylim(target - 40, target + 5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = draw(options.data, folder)
        given = {"most": options.steps, "threads": options.threads, "device": options.device}
        curves = race(*files, folder, options.target, **given)
    arrivals = {name: arrival(curve, options.target) for name, curve in curves.items()}
    table = Table("", "steps", "seconds", "of which start", f"ELBO, aim {options.target:g}")
    for name, found in arrivals.items():
        cells = [f"{value:,.0f}" for value in found.values()] if found else ["–"] * 3
        table.add_row(name, *cells, f"{curves[name]['elbo'][-1]:.1f}")
    Console().print(table)
    if options.output:
        command = f"python -m benchmarks.quality --target {options.target:g}"
        command += f" --threads {options.threads}"
        command += "" if options.device == "cpu" else f" --device {options.device}"
        told: dict[str, Any] = {"command": command, "machine": describe()}
        told |= {"target": options.target, "arrivals": arrivals, "curves": curves}
        write(told, options.output)
    if options.plot:
        plot(curves, options.target, options.plot)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality")
    parser.add_argument("--data", type=Path, default=Path("data"), help="holds MNIST/raw")
    parser.add_argument("--target", type=float, default=-110.0, help="nats")
    parser.add_argument("--steps", type=int, default=100_000, help="after which one gives up")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", type=device_at_hand, help="cpu or cuda")
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--plot", type=Path, help="PNG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
