"""One contestant in a fresh process: its peak memory, and how long until its first step.

    python -m benchmarks.throughput.alone WORKLOAD CONTESTANT PICTURES [--steps 20]

Writes one line of JSON. ``imported`` is the seconds from the start of the process until the
packages are imported that such a script imports itself; ``first_step`` is that, and the time of
reading the data, building everything and taking one step. What a contestant borrows from this
project is imported in between, off the clock.
"""

__all__ = ["measure_alone"]

import argparse
import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

OWN = {  # what the script of each contestant would import
    "floor": ["torch"],
    "plain": ["torch", "torchvision.transforms.functional"],
    "pythae": ["pythae.models", "pythae.pipelines", "pythae.samplers"],
    "ours": ["vae.cli.train"],
    "fast": ["vae.cli.train"],
}


def measure_alone(workload: str, name: str, pictures: Path, *, steps: int, threads: int) -> dict:
    """Run this module for a contestant; return what it found."""
    module = [sys.executable, "-m", "benchmarks.throughput.alone"]
    sizes = [f"--steps={steps}", f"--threads={threads}"]
    call = [*module, workload, name, str(pictures), *sizes]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def age() -> float:
    """Return the seconds since this process started (on Linux)."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def peak_mib() -> float:
    """Return the greatest resident memory of this process so far, in MiB (on Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload")
    parser.add_argument("contestant", choices=list(OWN))
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    for package in OWN[options.contestant]:
        import_module(package)
    imported = age()
    contest = import_module("benchmarks.throughput.contest")
    contest.prepare_process(options.threads)
    start = time.perf_counter()
    with contest.enter([options.contestant], options.workload, options.pictures, alone=True) as who:
        who[options.contestant].advance(1)
        first = imported + time.perf_counter() - start
        who[options.contestant].advance(options.steps)
    print(json.dumps({"imported": imported, "first_step": first, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
