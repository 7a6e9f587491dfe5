"""Time of the importance-weighted likelihood against plain loops over the same model and pictures.

    python -m benchmarks.likelihood [--root ../shared/data] [--rounds 5] [--whole 1000]

`single samples` encodes a picture once and decodes one latent at a time, as the formula reads; of
the samples it takes the first hundred of one picture, and its time is scaled up. `blocks of 100`
puts a hundred copies of a picture through encoder and decoder at a time, as libraries do. `one
picture` encodes a picture once and decodes all its samples at once. They and `log_weights` on the
whole batch take turns in one process, all without gradient; figures are seconds for 1,000
pictures that the processor spent on this process, medians over rounds. The model is 784-400-20 and
untrained: times do not depend on weights. ``--whole`` then times so many pictures once with
`evaluate`, with the peak of the memory.
"""

import argparse
import ctypes
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.throughput.report import describe, write
from vae.build import build_data, build_model
from vae.cli.compose import compose_settings
from vae.cli.environment import prepare_process
from vae.data import DataSpec
from vae.evaluation import evaluate, log_mean_weights
from vae.models import Model

SPEC = DataSpec("mnist", (1, 28, 28), "boolean", 2)
PICTURES = 1000  # for which times are given
SINGLE = 100  # samples that the loop of single samples takes


def single_samples(model: Any, x: Tensor, num_samples: int) -> Tensor:
    """Decode one latent of one picture at a time; return log-weights ``(K, B)``."""
    columns = []
    for row in x.split(1):
        q, p, log_w = model.encode(row), model.prior(), []
        for _ in range(num_samples):
            z = q.sample()
            log_w.append(model.decode(z).log_prob(row) + p.log_prob(z) - q.log_prob(z))
        columns.append(torch.stack(log_w))
    return torch.cat(columns, 1)


def blocks_of_100(model: Any, x: Tensor, num_samples: int) -> Tensor:
    """Encode and decode 100 copies of a picture at a time; return log-weights ``(K, B)``."""
    copies = [row.expand(100, -1, -1, -1) for row in x.split(1)]
    return torch.stack(
        [
            torch.cat([model(rows).log_weight[0] for _ in range(num_samples // 100)])
            for rows in copies
        ],
        1,
    )


def one_picture(model: Any, x: Tensor, num_samples: int) -> Tensor:
    """Decode all samples of a picture at once; return log-weights ``(K, B)``."""
    return torch.cat([model(row, num_samples=num_samples).log_weight for row in x.split(1)], 1)


def seconds(draw: Callable[[], Tensor], scale: float) -> float:
    """Return how long it takes to draw weights and average them, times the scale."""
    start = time.process_time()
    log_w = draw()
    log_mean_weights(log_w, len(log_w))
    return scale * (time.process_time() - start)


@torch.no_grad()
def take_turns(
    model: Model, x: Tensor, *, num_samples: int, max_rows: int, rounds: int
) -> dict[str, list[float]]:
    """Return for each way its seconds for `PICTURES` in each round; the loops take few of x."""
    few, n = x[:4], num_samples
    ways: dict[str, tuple[Callable[[], Tensor], float]] = {
        "single samples": (
            lambda: single_samples(model, x[:1], SINGLE),
            PICTURES * n / SINGLE,
        ),
        "blocks of 100": (lambda: blocks_of_100(model, few, n), PICTURES / len(few)),
        "one picture": (lambda: one_picture(model, few, n), PICTURES / len(few)),
        "log_weights": (
            lambda: model.log_weights(x[:32], num_samples=n, max_rows=max_rows),
            PICTURES / len(x[:32]),
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, (draw, scale) in ways.items():
            times[name].append(seconds(draw, scale))
    return {name: found[1:] for name, found in times.items()}  # the first round warms up


def against_ours(times: dict[str, list[float]]) -> dict[str, Any]:
    """Return medians over rounds of the seconds and of their ratio to `log_weights`."""
    ours = times["log_weights"]
    results = {}
    for name, theirs in times.items():
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        results[name] = {
            "seconds": statistics.median(theirs),
            "ratio": statistics.median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
        }
        print(f"{name:<16} {results[name]['seconds']:>9,.0f} s  {results[name]['ratio']:>6.1f}")
    return results


def whole(model: Model, x: Tensor, *, num_samples: int, max_rows: int) -> dict[str, Any]:
    """Evaluate pictures once; return the time and by how much the memory rose (on Linux)."""
    batches = [{"x": part} for part in x.split(128)]
    ctypes.CDLL(None).malloc_trim(0)  # what reading the data has left does not count
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    held, start, worked = resident("VmRSS"), time.perf_counter(), time.process_time()
    evaluate(model, batches, SPEC, num_samples=num_samples, max_rows=max_rows)
    return {
        "pictures": len(x),
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - worked,
        "peak_mib_above_start": resident("VmHWM") - held,
    }


def resident(kind: str) -> float:
    """Return the memory of this process in MiB: now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


def pictures(root: Path, n: int) -> tuple[str, Tensor]:
    """Return binarised test digits, or random pictures where there are none, with their name."""
    if not (root / "MNIST" / "raw").is_dir():
        return "random binary pictures", torch.bernoulli(torch.full((n, 1, 28, 28), 0.2))
    settings = compose_settings(["data=mnist", f"data.root={root}", "data.download=false"])
    data = build_data(settings)
    data.setup()
    return "MNIST", torch.cat(
        [b["x"] for b in data.batches("test", device=torch.device("cpu"), n=n)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--num-samples", type=int, default=5000)
    parser.add_argument("--max-rows", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--whole", type=int, default=0, help="pictures of one evaluation at the end"
    )
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    prepare_process(options.threads)
    name, x = pictures(options.root, max(options.whole, 32))
    settings = compose_settings(["model=mlp", "likelihood=bernoulli"])
    model = build_model(settings, SPEC).eval()
    sizes = {"num_samples": options.num_samples, "max_rows": options.max_rows}
    given = {"rounds": options.rounds, "threads": options.threads, "whole": options.whole}
    flags = " ".join(f"--{name} {value}" for name, value in given.items())
    command = f"python -m benchmarks.likelihood {flags}"
    results: dict[str, Any] = {"command": command, "machine": describe(), "data": name, **sizes}
    if options.whole:
        results["whole"] = whole(model, x[: options.whole], **sizes)
        print(results["whole"])
    results["rounds"] = options.rounds
    results["1,000 pictures"] = against_ours(take_turns(model, x, rounds=options.rounds, **sizes))
    if options.output:
        write(results, options.output)


if __name__ == "__main__":
    main()
