"""A training step on cores that others want too, by how long threads wait busily for each other.

    python -m benchmarks.busy [--rounds 3] [--spins 300000 30000 10000 1000] [--neighbours 2]
        [--threads 2] [--out table.json]

Each number of turns of GNU OpenMP's waiting loop gets a process of its own, in turns, alone and
beside so many processes that compute without end. 300,000 is the library's own number;
`vae.cli.spinning` says what ``train.py`` sets. Times are medians of wall clock: what a user waits.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NETS = {  # settings, the shape of an example, and how many steps are timed
    "mlp": (["model=mlp"], (1, 28, 28), 250),
    "conv 64×64": (["model=conv"], (1, 64, 64), 50),
}
BATCH = 128


def step_seconds(net: str, threads: int) -> float:
    """Return the seconds of one training step in this process."""
    import torch

    from benchmarks.sequence_steps import ours
    from vae.build import build_model
    from vae.cli.compose import compose_settings
    from vae.spec import DataSpec

    torch.set_num_threads(threads)
    settings, shape, steps = NETS[net]
    model = build_model(compose_settings(settings), DataSpec("bits", shape, "boolean", 2))
    step, batch = ours(model), {"x": (torch.rand(BATCH, *shape) < 0.3).float()}
    for _ in range(steps // 10):
        step(batch)
    start = time.perf_counter()
    for _ in range(steps):
        step(batch)
    return (time.perf_counter() - start) / steps


def in_process(net: str, spins: int, threads: int) -> float:
    """Return the seconds of a step in a process that waits so long."""
    own = {"GOMP_SPINCOUNT": str(spins)}
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")}
    call = [sys.executable, "-m", "benchmarks.busy", "--step", net, "--threads", str(threads)]
    done = subprocess.run(call, env=kept | own, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Keep so many processes busy."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """Return medians of seconds of a step, and of what each number is to the first, in turns."""
    seconds: dict[str, dict[int, list[float]]] = {}
    for _ in range(args.rounds):
        for count in (0, args.neighbours):
            with neighbours(count):
                for net in NETS:
                    case = seconds.setdefault(f"{net}, {count} neighbours", {})
                    for spins in args.spins:
                        case.setdefault(spins, []).append(in_process(net, spins, args.threads))
    found: dict[str, Any] = {}
    for name, case in seconds.items():
        first = case[args.spins[0]]
        for spins, times in case.items():
            ratios = [a / b for a, b in zip(times, first, strict=True)]
            told = {"seconds": statistics.median(times), "to_first": statistics.median(ratios)}
            found.setdefault(name, {})[str(spins)] = told
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spins", type=int, nargs="+", default=[300_000, 30_000, 10_000, 1000])
    parser.add_argument("--neighbours", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--step", choices=[*NETS], help="time one net here, and nothing else")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(arguments)
    if args.step is not None:
        print(step_seconds(args.step, args.threads))
        return
    found = measured(args)
    print(json.dumps(found, indent=2, ensure_ascii=False))
    if args.out is not None:
        from benchmarks.throughput.report import keep

        keep({"steps": found}, args.out, "benchmarks.busy", arguments)


if __name__ == "__main__":
    main()
