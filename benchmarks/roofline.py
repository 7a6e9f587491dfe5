"""How near a training step comes to the limits of a GPU: work counted, kernels timed.

    python -m benchmarks.roofline [--only mlp] [--output docs/roofline.json]

The least time of a step is what its arithmetic takes at the rate of a large matrix product, or its
fewest bytes at the rate of a large copy, whichever is longer; both rates are measured first.
Counted are the products and convolutions of loss and gradient, and one reading and writing of
parameters and of both moments of Adam, besides the pictures: activations and gradients might stay
in a cache. Steps are those of `benchmarks.throughput`: ``captured`` by hand, and this project's
with the settings ``graph`` and ``fast``. `torch.profiler` counts the kernels of a step and adds up
their time; what is left of a step is the device waiting, between two kernels or for the processor.
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.throughput.floor import negative_bound
from benchmarks.throughput.report import describe, write
from benchmarks.throughput.turns import Turn
from benchmarks.throughput.workloads import (
    BATCH_SIZE,
    WORKLOADS,
    Case,
    find_run,
    settings_of,
    write_pictures,
)
from vae.cli.environment import prepare_process

CONTESTANTS = ("captured", "graph", "fast")
RATES = {"captured": "fp32", "graph": "fp32", "fast": "bf16"}  # the one that limits each
STEPS = 200  # of a turn
SIZE = 8192  # of the matrices
REPEATS = 10


class EnoughError(Exception):
    """The loop has been measured."""


def clocked(function: Callable[[], Any]) -> float:
    """Return the median seconds of a function on the device."""
    found = []
    for _ in range(REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        function()
        end.record()
        torch.cuda.synchronize()
        found.append(start.elapsed_time(end) / 1e3)
    return statistics.median(found)


def measure_ceilings() -> dict[str, float]:
    """Return bytes per second of a copy, and operations per second of products."""
    source, target = (torch.empty(2**30, dtype=torch.uint8, device="cuda") for _ in range(2))
    found = {"bytes": 2 * source.numel() / clocked(lambda: target.copy_(source))}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(SIZE, SIZE, device="cuda", dtype=dtype) for _ in range(2))
        found[name] = 2 * SIZE**3 / clocked(lambda a=a, b=b: a @ b)  # type: ignore[misc]
    return found


def count(case: Case) -> dict[str, float]:
    """Return the operations of a step and the fewest bytes that it moves."""
    model, shape = case.model(), (BATCH_SIZE, *case.workload.shape)
    x = torch.rand(shape, device=case.device).round()
    with FlopCounterMode(display=False) as counter:
        negative_bound(model.encoder.net, model.decoder.net, x, case.num_samples).backward()
    parameters = sum(p.numel() for p in model.parameters())
    kept = 4 * 2 * 3 * parameters  # single precision; weights and two moments, read and written
    return {"flops": counter.get_total_flops(), "bytes": kept + x.numel()}


def watch(name: str, case: Case) -> dict[str, float]:
    """Return seconds, kernels and the kernels' seconds of a contestant's step."""
    found: dict[str, float] = {}
    turns = iter(range(1_000_000))
    profiler = profile(activities=[ProfilerActivity.CUDA])

    def hand_over(turn: Turn) -> int:
        torch.cuda.synchronize()
        number = next(turns)
        if number in (2, 3, 4):
            found[f"turn {number}"] = turn.seconds / turn.steps
        if number == 4:
            profiler.start()
        if number == 5:
            profiler.stop()
            kernels = [e for e in profiler.events() if e.device_type.name == "CUDA"]
            found["kernels"] = len(kernels) / turn.steps
            busy = sum(e.device_time_total for e in kernels) / 1e6
            found["busy"] = busy / turn.steps
            raise EnoughError
        return STEPS

    with suppress(EnoughError):
        find_run(name, case)(Turn(hand_over, STEPS))
    seconds = statistics.median(found.pop(f"turn {number}") for number in (2, 3, 4))
    return {"seconds": seconds, **found}


def main() -> None:
    options = parse()
    prepare_process(options.threads)
    ceilings = measure_ceilings()
    result: dict[str, Any] = {"command": "python -m benchmarks.roofline", "machine": describe()}
    result |= {"ceilings": ceilings, "workloads": {}}
    columns = ("step µs", "kernels", "their µs", "GFLOP", "MB", "least µs", "of the least")
    table = Table("", *columns)
    for title, workload in WORKLOADS.items():
        if workload.task != "train" or not title.startswith(options.only):
            continue
        with tempfile.TemporaryDirectory() as place:
            path = write_pictures(workload, Path(place) / "pictures.npy")
            work = count(Case(workload, path, Path(place), device="cuda"))
            result["workloads"][title] = {**work, "contestants": {}}
            for name in CONTESTANTS:
                folder = Path(place) / name
                folder.mkdir()
                extra = settings_of(name, "cuda")
                case = Case(workload, path, folder, extra, device="cuda")
                found = watch(name, case)
                arithmetic = work["flops"] / ceilings[RATES[name]]
                found["least"] = max(arithmetic, work["bytes"] / ceilings["bytes"])
                result["workloads"][title]["contestants"][name] = found
                cells = [f"{1e6 * found['seconds']:.0f}", f"{found['kernels']:.0f}"]
                cells += [f"{1e6 * found['busy']:.0f}", f"{work['flops'] / 1e9:.2f}"]
                cells += [f"{work['bytes'] / 1e6:.1f}", f"{1e6 * found['least']:.1f}"]
                cells += [f"{found['seconds'] / found['least']:.1f}"]
                table.add_row(f"{title}, {name}", *cells)
    console = Console(width=140)
    console.print({name: f"{rate:.3g}/s" for name, rate in ceilings.items()})
    console.print(table)
    if options.output:
        write(result, options.output)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roofline")
    parser.add_argument("--only", default="", help="workloads whose name begins so")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="JSON")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("torch sees no GPU")
    return options


if __name__ == "__main__":
    main()
