"""The command: ``python -m benchmarks.throughput --help``."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.throughput.contest import hold, start
from benchmarks.throughput.report import describe, plot, show, write
from benchmarks.throughput.startup import measure_startup
from benchmarks.throughput.workloads import (
    WORKLOADS,
    contestants,
    device_at_hand,
    write_pictures,
)

STARTED = ("mlp 784-400-20", "conv 64×64")  # whose start is measured


def main() -> None:
    options = parse()
    console = Console(width=120)
    chosen = [name for name in WORKLOADS if name.startswith(options.only)]
    results = begun(options.output)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            path = write_pictures(WORKLOADS[name], Path(folder) / "pictures.npy")
            made = {"command": command(options), "machine": describe()}
            results["workloads"][name] = made | measure(name, path, options)
            show(console, name, results["workloads"][name])
            keep(results, options)
        if options.start and not options.only:
            path = write_pictures(next(iter(WORKLOADS.values())), Path(folder) / "pictures.npy")
            made = {"command": command(options), "machine": describe()}
            results["startup"] = made | measure_startup(
                path, threads=options.threads, device=options.device
            )
            console.print({k: v for k, v in results["startup"].items() if k != "rounds"})
    keep(results, options)


def begun(output: Path | None) -> dict[str, Any]:
    """Return what the file holds, of which the chosen workloads are measured anew."""
    if output is None or not output.exists():
        return {"workloads": {}}
    return dict(json.loads(output.read_text()))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput")
    parser.add_argument("--only", default="", help="workloads whose name begins so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--steps", type=int, default=200, help="of each in a round; heavy ones less"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", type=device_at_hand, help="cpu or cuda")
    parser.add_argument("--fast", action="store_true", help="ours also with its fast settings")
    parser.add_argument(
        "--start",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="seconds until the first step",
    )
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--plot", type=Path, help="PNG")
    return parser.parse_args()


def command(options: argparse.Namespace) -> str:
    """Return the command that repeats the run."""
    only = f" --only '{options.only}'" if options.only else ""
    sizes = f" --rounds {options.rounds} --steps {options.steps} --threads {options.threads}"
    sizes += "" if options.device == "cpu" else f" --device {options.device}"
    return "python -m benchmarks.throughput" + only + sizes + (" --fast" if options.fast else "")


def measure(name: str, pictures: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a workload."""
    workload = WORKLOADS[name]
    names = contestants(workload, fast=options.fast, device=options.device)
    common: Any = {"threads": options.threads, "device": options.device}
    result = hold(names, name, pictures, rounds=options.rounds, steps=options.steps, **common)
    if options.start and name in STARTED:
        result["start"] = start(names, name, pictures, **common)
    return result


def keep(results: dict[str, Any], options: argparse.Namespace) -> None:
    """Write what there is, where it was asked for."""
    if options.output:
        write(results, options.output)
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
