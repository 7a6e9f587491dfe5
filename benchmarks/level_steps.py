"""What a training step of a hierarchy costs against the number of its levels.

    python -m benchmarks.level_steps [--rounds 11] [--levels 1 2 4 8 16 32] [--out table.json]
        [--picture cost.png]

``hvae`` and ``ladder`` have levels of 16 latent variables and nets of 64 units between them, on 64
values, 64 examples a step; ``vdvae`` has its blocks on maps of 8×8. All sizes of a model are timed
in turns; each time is that of one step of Adam, data aside. A line through least and most levels is
what a cost in proportion would be; ``to_line`` says how far the others are from it.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.sequence_steps import Batch, Step, ours
from benchmarks.sequences import in_turns
from benchmarks.throughput.report import keep
from vae.build import build_model
from vae.cli.compose import compose_settings
from vae.spec import DataSpec

EXAMPLES = 64
NETS = ["model.encoder.hidden=[64]", "model.between.hidden=[64]", "model.latent_dim=16"]


def made(name: str, levels: int) -> tuple[Step, Batch]:
    """Return a training step of a model of so many levels, and a batch for it."""
    torch.manual_seed(0)
    shape = (1, 8, 8) if name == "vdvae" else (64,)
    if name == "vdvae":
        own = ["model.channels=[32]", f"model.blocks=[{levels}]"]
    else:
        own = [*NETS, f"model.lower_dims={[16] * (levels - 1)}"]
    spec = DataSpec("bits", shape, "boolean", 2)
    model = build_model(compose_settings([f"model={name}", *own, "likelihood=bernoulli"]), spec)
    return ours(model), {"x": (torch.rand(EXAMPLES, *shape) < 0.5).float()}


def measured(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return the seconds of a step by number of levels, and how they compare with a line."""
    calls = {}
    for levels in args.levels:
        step, batch = made(name, levels)
        calls[levels] = partial(step, batch)
    seconds = in_turns({str(n): call for n, call in calls.items()}, args.rounds)
    least, most = min(args.levels), max(args.levels)
    found = {}
    for levels in args.levels:
        share = (levels - least) / (most - least)
        ends = zip(seconds[str(least)], seconds[str(most)], strict=True)
        line = [(1 - share) * low + share * high for low, high in ends]
        ratios = [a / b for a, b in zip(seconds[str(levels)], line, strict=True)]
        found[str(levels)] = {"seconds": median(seconds[str(levels)]), "to_line": median(ratios)}
    return found


def draw(results: dict[str, Any], path: Path) -> None:
    """Draw the milliseconds of a step against the number of levels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, (name, found) in zip(figure.subplots(1, len(results)), results.items(), strict=True):
        levels = [int(n) for n in found]
        axes.plot(levels, [1e3 * each["seconds"] for each in found.values()], "o-")
        axes.set(title=name, xlabel="levels", xlim=(0, None), ylim=(0, None))
    figure.axes[0].set_ylabel("ms of a training step")
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args(arguments)
    if len({*args.levels}) < 2:
        parser.error("--levels takes two numbers or more, of which a line can be drawn")
    torch.set_num_threads(args.threads)
    results = {name: measured(name, args) for name in ("hvae", "ladder", "vdvae")}
    print(json.dumps(results, indent=2))
    if args.picture is not None:
        draw(results, args.picture)
    if args.out is not None:
        keep({"models": results}, args.out, "benchmarks.level_steps", arguments)


if __name__ == "__main__":
    main()
