"""How cost grows with examples, samples and latent dimensions; whether memory grows with steps.

    python -m benchmarks.growth [--memory] [--rounds 3] [--threads 2]
                                [--output docs/growth.json] [--plot docs/images/growth.png]

The Trainer that ``train.py`` builds, on the mlp 784-400-20 in batches of 128, with one figure
changed over two decades: the seconds of an epoch for the number of training examples, of a step for
the samples K of the IWAE bound, by default and with the fast settings, and for the latent
dimensions. The sizes of a sweep take turns, each in a process of its own; seconds are medians over
rounds. An epoch is all its steps, without the validation, which has as many examples whatever the
size. The exponent is the slope of log seconds on log size: 1 where cost is proportional, below
where a fixed part remains; that of the last decade stands beside it.

``--memory`` takes 10,000 steps more over 60,000 pictures, with validation,
pictures and saves after each epoch, and reads the resident memory every 500 steps. Its slope, in
bytes per step, is that after the first 2,000.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.throughput.report import describe, write
from benchmarks.throughput.turns import Contestant
from benchmarks.throughput.workloads import BATCH_SIZE, WORKLOADS, settings_of, write_pictures

NAME = "mlp 784-400-20"
BASE = WORKLOADS[NAME]
GROUP = 20


@dataclass(frozen=True)
class Sweep:
    """One figure over two decades.

    Attributes:
        label: What grows.
        unit: Of what the seconds are.
        sizes: The values of it.
        overrides: Settings with ``{}`` for a value.
        of_data: Whether the value is the number of training examples.
        who: ``ours``, or ``fast`` for the fast settings of `benchmarks.throughput`.
    """

    label: str
    unit: str
    sizes: Sequence[int]
    overrides: Sequence[str] = ()
    of_data: bool = False
    who: str = "ours"


SWEEPS = {
    "examples": Sweep(
        "training examples",
        "epoch",
        [BATCH_SIZE * n for n in (10, 30, 100, 300, 1000)],
        ["data.train_size={}"],
        of_data=True,
    ),
    "samples": Sweep(
        "samples K of IWAE",
        "step",
        [1, 3, 10, 30, 100],
        ["objective=iwae", "objective.num_samples={}"],
    ),
    "fast samples": Sweep(
        "samples K of IWAE, fast settings",
        "step",
        [1, 3, 10, 30, 100],
        ["objective=iwae", "objective.num_samples={}"],
        who="fast",
    ),
    "latents": Sweep(
        "latent dimensions", "step", [10, 30, 100, 300, 1000], ["model.latent_dim={}"]
    ),
}


def sweep_seconds(
    sweep: Sweep, pictures: Path, folder: Path, *, rounds: int, threads: int
) -> list[list[float]]:
    """Return the seconds for each size, one per round, the first round being left out."""
    with ExitStack() as stack:
        entered = []
        for size in sweep.sizes:
            extra = [text.format(size) for text in sweep.overrides]
            entered.append(begin(pictures, folder / str(size), threads, extra, sweep.who))
            stack.callback(entered[-1].close)
        found: list[list[float]] = [[] for _ in entered]
        for turn in range(rounds + 1):
            for one, size, values in zip(entered, sweep.sizes, found, strict=True):
                steps = size // BATCH_SIZE if sweep.of_data else GROUP
                taken, seconds = one.advance(steps)
                if turn:
                    values.append(seconds * steps / taken if sweep.of_data else seconds / taken)
    return found


def begin(
    pictures: Path, folder: Path, threads: int, overrides: Sequence[str] = (), who: str = "ours"
) -> Contestant:
    """Return the real path in a process of its own."""
    given = [*settings_of(who, "cpu"), *overrides]
    return Contestant(who, NAME, pictures, folder, threads=threads, overrides=given)


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log seconds on log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def grow(
    sweep: Sweep, pictures: Path, folder: Path, *, rounds: int, threads: int
) -> dict[str, Any]:
    """Return the figures of a sweep."""
    found = sweep_seconds(sweep, pictures, folder, rounds=rounds, threads=threads)
    medians = [statistics.median(values) for values in found]
    return {
        "sizes": list(sweep.sizes),
        "seconds": medians,
        "rounds": found,
        "per": sweep.unit,
        "exponent": exponent(sweep.sizes, medians),
        "exponent_last_decade": exponent(sweep.sizes[-3:], medians[-3:]),
    }


def memory(pictures: Path, folder: Path, *, steps: int, every: int, threads: int) -> dict[str, Any]:
    """Train and return the resident memory along the way."""
    one = begin(pictures, folder, threads)
    taken, counts, held = 0, [], []
    while taken < steps:
        taken += one.advance(every)[0]
        counts.append(taken)
        held.append(2**20 * one.told["resident_mib"])
    one.close()
    late = [i for i, count in enumerate(counts) if count >= steps / 5]
    slope = np.polyfit([counts[i] for i in late], [held[i] for i in late], 1)[0]
    return {"steps": counts, "resident_bytes": held, "bytes_per_step": float(slope)}


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw seconds against sizes, with proportional growth beside, and memory against steps."""
    from matplotlib.figure import Figure

    panels = [name for name in SWEEPS if name in results]
    figure = Figure(
        figsize=(3.4 * (len(panels) + ("memory" in results)), 3.2), layout="constrained"
    )
    axes = np.atleast_1d(figure.subplots(1, len(panels) + ("memory" in results)))
    for ax, name in zip(axes, panels, strict=False):
        result, sweep = results[name], SWEEPS[name]
        sizes, seconds = np.array(result["sizes"]), result["seconds"]
        ax.loglog(sizes, seconds[-1] * sizes / sizes[-1], "--", color="0.6", label="proportional")
        ax.loglog(sizes, seconds, "o-", label=f"measured, exponent {result['exponent']:.2f}")
        ax.set(xlabel=sweep.label, ylabel=f"seconds per {sweep.unit}")
        ax.legend(fontsize=7, frameon=False)
    if "memory" in results:
        found = results["memory"]
        axes[-1].plot(found["steps"], np.array(found["resident_bytes"]) / 2**20, ".-")
        axes[-1].set(xlabel="optimizer steps", ylabel="resident memory, MiB")
        axes[-1].set_ylim(0, 1.2 * max(found["resident_bytes"]) / 2**20)
        axes[-1].set_title(f"{found['bytes_per_step']:.0f} bytes per step", fontsize=8)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    options = parse()
    common = {"threads": options.threads}
    command = f"python -m benchmarks.growth --rounds {options.rounds} --threads {options.threads}"
    results: dict[str, Any] = {"command": command + " --memory" * options.memory}
    results["machine"] = describe()
    if options.only and options.output and options.output.exists():
        results = json.loads(options.output.read_text())  # the other sweeps stay
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        most = replace(BASE, pictures=max(SWEEPS["examples"].sizes))
        pictures = write_pictures(most, folder / "pictures.npy")
        for what, sweep in SWEEPS.items():
            if not what.startswith(options.only):
                continue
            results[what] = grow(sweep, pictures, folder / what, rounds=options.rounds, **common)
            pairs = zip(sweep.sizes, results[what]["seconds"], strict=True)
            shown = "  ".join(f"{size:,}: {seconds:.4f}" for size, seconds in pairs)
            print(f"{sweep.label}, seconds per {sweep.unit}  {shown}")
            print(
                f"    exponent {results[what]['exponent']:.2f}, "
                f"of the last decade {results[what]['exponent_last_decade']:.2f}"
            )
        if options.memory:
            path = write_pictures(BASE, folder / "pictures.npy")
            sizes = {"steps": options.memory_steps, "every": options.memory_steps // 20}
            results["memory"] = memory(path, folder / "memory", **sizes, **common)
            print(f"memory {results['memory']['bytes_per_step']:.0f} bytes per step")
    if options.output:
        write(results, options.output)
    if options.plot:
        plot(results, options.plot)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--only", default="", help="sweeps whose name begins so: examples, ...")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="also the memory over many steps")
    parser.add_argument("--memory-steps", type=int, default=10_000, help="read 20 times")
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--plot", type=Path, help="PNG")
    return parser.parse_args()


if __name__ == "__main__":
    main()
