"""Posteriors and priors on MNIST by equal nets and budgets: what each adds in nats, over seeds.

    python -m benchmarks.latents --root ../shared/data [--epochs 20] [--seeds 3] [--only iaf]
        [--folder outputs/latents] [--out docs/latents.json]

Each run is one command, `python train.py` with `COMMON` and what its row adds; runs whose figures
are in the folder already are not repeated. −log p(x) is bounded by so many importance samples of
every test picture, binarised anew as in training. Differences are to ``normal`` of the same seed,
their ± the standard error over seeds.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.throughput.report import describe, write

COMMON = [
    "model=mlp",
    "model.encoder.hidden=[300,300]",
    "model.latent_dim=40",
    "data=mnist",
    "data.batch_size=250",
    "optimizer.lr=3e-3",
    "+schedule@objective.beta=linear",
    "objective.beta.steps=1500",
    "report=[bound]",
    "test_samples=200",
    "~callbacks.pictures",
    "trainer=cpu",
    "threads=1",
]
FIGURES = ("elbo", "nll")  # of the test pictures: the ELBO, and −log p(x)
FLOW = ["posterior=iaf", "posterior.context_dim=64", "posterior.flow.hidden_features=[512]"]
VARIANTS: dict[str, list[str]] = {
    "normal": [],
    "iaf": [*FLOW, "posterior.flow.transforms=3"],
    "nsf": [*FLOW, "posterior.flow.transforms=3", "posterior.flow.bins=4"],
    "vamp": ["prior=vamp"],
}


def trained(folder: Path, overrides: list[str]) -> dict[str, float]:
    """Return the test figures of a run, after making it if it is not there."""
    figures = folder / "metrics.json"
    if not figures.is_file():
        command = [sys.executable, "train.py", *overrides, f"hydra.run.dir={folder}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, float] = json.loads(figures.read_text())["bound"]["figures"]
    return found


def summary(values: list[float]) -> dict[str, Any]:
    """Return mean and standard error of figures over seeds, with the figures."""
    error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return {"mean": mean(values), "error": error, "values": values}


def compared(runs: dict[str, list[dict[str, float]]], figure: str) -> dict[str, dict[str, Any]]:
    """Return a figure of every variant, and its difference to the first one's, seed by seed."""
    first = next(iter(runs.values()))
    return {
        name: {
            "value": summary([run[figure] for run in each]),
            "above normal": summary(
                [a[figure] - b[figure] for a, b in zip(each, first, strict=True)]
            ),
        }
        for name, each in runs.items()
    }


def shown(found: dict[str, Any]) -> str:
    """Return a mean with its standard error, as it is printed."""
    error = "" if found["error"] is None else f" ± {found['error']:.2f}"
    return f"{found['mean']:.2f}{error}"


def main() -> None:
    """Train all, print the table and keep the figures."""
    options = parsed()
    common = [*COMMON, f"trainer.max_epochs={options.epochs}", f"data.root={options.root}"]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in options.only}
    for seed in range(options.seeds):
        for name in options.only:
            folder = options.folder.resolve() / f"{name}-{seed}"
            runs[name].append(trained(folder, [*common, *VARIANTS[name], f"seed={seed}"]))
    figures = {figure: compared(runs, figure) for figure in FIGURES}
    table = Table("", *(f"{figure}{kind}" for figure in FIGURES for kind in ("", " above normal")))
    for name in options.only:
        table.add_row(name, *(shown(part) for f in FIGURES for part in figures[f][name].values()))
    Console().print(table)
    if options.out is not None:
        command = f"python -m benchmarks.latents {shlex.join(sys.argv[1:])}"
        settings = {"common": common, "variants": VARIANTS}
        origin = {"command": command, "machine": describe(), "settings": settings}
        write({**origin, "figures": figures}, options.out)


def parsed() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", default="data", help="the folder that holds MNIST/raw")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--folder", type=Path, default=Path("outputs/latents"))
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
