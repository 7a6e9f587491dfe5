"""Convolutions by oneDNN and as matrix products, layer by layer: where which is quicker.

    python -m benchmarks.products [--rounds 3] [--threads 1] [--output docs/products.json]

The large layers of pythae's nets for MNIST and some others, forward and back, on batches of 128 in
channels-last format, in single precision and in bf16 where the processor multiplies it. Both ways
take turns; figures are medians over rounds.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.throughput.report import describe, write
from benchmarks.throughput.workloads import BATCH_SIZE, settings_of
from vae.cli.environment import prepare_process
from vae.networks import products

Layer = nn.Conv2d | nn.ConvTranspose2d
LAYERS: dict[str, tuple[Callable[[], Layer], int]] = {  # each with the height of what comes in
    "128 → 256, 4×4, 14² → 7²": (lambda: nn.Conv2d(128, 256, 4, 2, 1), 14),
    "256 → 512, 4×4, 7² → 3²": (lambda: nn.Conv2d(256, 512, 4, 2, 1), 7),
    "512 → 1024, 4×4, 3² → 1": (lambda: nn.Conv2d(512, 1024, 4, 2, 1), 3),
    "1024 → 512, 3×3, 4² → 7²": (lambda: nn.ConvTranspose2d(1024, 512, 3, 2, 1), 4),
    "512 → 256, 3×3, 7² → 14²": (lambda: nn.ConvTranspose2d(512, 256, 3, 2, 1, 1), 7),
    "256 → 256, 3×3, 4² → 4²": (lambda: nn.Conv2d(256, 256, 3, 1, 1), 4),
    "256 → 256, 3×3, 8² → 8²": (lambda: nn.Conv2d(256, 256, 3, 1, 1), 8),
    "64 → 64, 4×4, 8² → 4²": (lambda: nn.Conv2d(64, 64, 4, 2, 1), 8),
}


def seconds(layer: Layer, x: Tensor, *, mixed: bool) -> float:
    """Return how long a layer takes, forward and back."""
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16) if mixed else nullcontext():
        y = layer(x)
    y.backward(torch.ones_like(y))
    spent = time.perf_counter() - start
    layer.zero_grad()
    x.grad = None
    return spent


def compare(make: Callable[[], Layer], height: int, *, mixed: bool, rounds: int) -> dict[str, Any]:
    """Return the seconds of both ways."""
    plain = make().to(memory_format=torch.channels_last)
    ways = {"onednn": plain, "products": deepcopy(plain)}
    ways["products"].__class__ = products.PRODUCTS[type(plain)]
    x = torch.randn(BATCH_SIZE, plain.in_channels, height, height)
    x = x.to(memory_format=torch.channels_last).requires_grad_()
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, layer in ways.items():
            found[way].append(seconds(layer, x, mixed=mixed))
    medians = {way: statistics.median(values[1:]) for way, values in found.items()}
    return {**medians, "ratio": medians["onednn"] / medians["products"]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="JSON")
    options = parser.parse_args()
    prepare_process(options.threads)
    products.PER_PLACE = 0  # also where the layer would be left to oneDNN
    kinds = {"fp32": False}
    if "trainer.precision=bf16-mixed" in settings_of("fast", "cpu"):
        kinds["bf16"] = True
    heads = [f"{kind} {what}" for kind in kinds for what in ("oneDNN ms", "products ms", "ratio")]
    table = Table("channels, kernel, map", *heads)
    results: dict[str, Any] = {}
    for name, (make, height) in LAYERS.items():
        results[name] = {
            kind: compare(make, height, mixed=mixed, rounds=options.rounds)
            for kind, mixed in kinds.items()
        }
        cells = []
        for found in results[name].values():
            times = (f"{1e3 * found[way]:.0f}" for way in ("onednn", "products"))
            cells += [*times, f"{found['ratio']:.2f}"]
        table.add_row(name, *cells)
    Console(width=140).print(table)
    if options.output:
        command = f"python -m benchmarks.products --rounds {options.rounds}"
        command += f" --threads {options.threads}"
        write({"command": command, "machine": describe(), "layers": results}, options.output)


if __name__ == "__main__":
    main()
