"""What numbers below 1e-38 cost a training step, and what flushing them to zero saves.

    python -m benchmarks.denormals [--data data] [--steps 4000] [--output docs/denormals.json]

Two bare loops (`benchmarks.throughput.floor`) train the mlp 784-400-20 on MNIST on one thread, in
turns of 50 steps: one as a processor computes by itself, one with `torch.set_flush_denormal`, which
``train.py`` sets. The gradient of a weight of a pixel that is almost never lit is zero for a
thousand steps, in which Adam's mean of it decays by 0.9 each; from some 1e-38 on it is stored with
fewer digits, by a slow path of the processor.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.throughput import floor
from benchmarks.throughput.report import describe, write
from benchmarks.throughput.workloads import WORKLOADS, Case
from vae.cli.environment import keep_memory
from vae.data import MNIST

TURN = 50  # steps
SMALLEST = torch.finfo(torch.float32).tiny  # that is stored with all its digits


def count(optimizer: torch.optim.Adam) -> int:
    """Return how many of the optimizer's numbers are below the smallest normal one."""
    values = [v for s in optimizer.state.values() for k, v in s.items() if k != "step"]
    return sum(int(((v != 0) & (v.abs() < SMALLEST)).sum()) for v in values)


def measure(case: Case, number: int) -> dict[str, Any]:
    """Return microseconds of a step in each turn, and the small numbers after it, of both loops."""
    loops = {}
    for name in ("kept", "flushed"):
        model = case.model()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        loops[name] = floor.steps(case, model, optimizer), optimizer
    found: dict[str, Any] = {name: {"microseconds": [], "denormals": []} for name in loops}
    for _ in range(number // TURN):
        for name, (training, optimizer) in loops.items():
            torch.set_flush_denormal(name == "flushed")
            start = time.perf_counter()
            for _ in range(TURN):
                next(training)
            found[name]["microseconds"].append(1e6 * (time.perf_counter() - start) / TURN)
            torch.set_flush_denormal(False)
            found[name]["denormals"].append(count(optimizer))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.denormals")
    parser.add_argument("--data", type=Path, default=Path("data"), help="holds MNIST/raw")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--output", type=Path, help="JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "pictures.npy"
        train = MNIST(str(options.data)).load().train
        np.save(path, train.take(torch.arange(len(train))).numpy())
        found = measure(Case(WORKLOADS["mlp 784-400-20"], path, Path(name)), options.steps)
    half = options.steps // TURN // 2
    told = {
        name: {
            "microseconds": statistics.median(one["microseconds"][half:]),
            "denormals": one["denormals"][-1],
        }
        for name, one in found.items()
    }
    pairs = zip(*(found[name]["microseconds"][half:] for name in found), strict=True)
    ratio = statistics.median(kept / flushed for kept, flushed in pairs)
    print(json.dumps({**told, "ratio": ratio}, indent=2))
    if options.output:
        command = f"python -m benchmarks.denormals --steps {options.steps}"
        made: dict[str, Any] = {"command": command, "machine": describe()}
        write({**made, **told, "ratio": ratio, "turns": found}, options.output)


if __name__ == "__main__":
    main()
