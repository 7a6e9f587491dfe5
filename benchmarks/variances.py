"""Variance of the gradient by each estimator, on one problem with derivatives and one without.

    python -m benchmarks.variances [--repeats 300] [--output docs/variances.json]
                                   [--plot docs/images/variances.png]

With derivatives: logistic regression on the 569 cases of the Wisconsin breast cancer data (30
standardised features and a constant, standard normal prior), mean field, in float64. Without: three
variables of four categories each, of which one noisy vector is seen. Both are asked at the start,
where q is the prior, and at the optimum of the ELBO. A gradient is that of the objective's loss, on
a fresh set of K draws; DReG's is of the IWAE bound, all others of the ELBO.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.throughput.report import describe, write
from benchmarks.variance_problems import DISCRETE, ONE, SMOOTH, Categories, cancer
from vae.models import Model
from vae.objectives import ELBO, EnumeratedELBO, Objective, StickTheLanding

SAMPLES = (1, 2, 4, 8, 16, 32, 64)
TEMPERATURES = (1.0, 0.5, 0.1)
PLACES = ("start", "optimum")
WHAT = {"logistic regression": "variance by a mean", "categories": "error by a logit, RMS"}


def gradient(model: Model, objective: Objective) -> Tensor:
    """Return the gradient by every parameter from one set of draws, flat."""
    trace = model(ONE, num_samples=objective.num_samples())
    loss = torch.stack([*objective(trace).values()]).sum()
    slopes = torch.autograd.grad(loss, list(model.parameters()))
    return torch.cat([slope.flatten() for slope in slopes])


def gradients(model: Model, objective: Objective, repeats: int) -> Tensor:
    """Return gradients of as many independent sets of draws, ``(repeats, parameters)``."""
    return torch.stack([gradient(model, objective) for _ in range(repeats)])


def climb(model: Model, objective: Objective, steps: int, lr: float) -> None:
    """Bring a model to its optimum, with a rate that falls to zero."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        trace = model(ONE, num_samples=objective.num_samples())
        torch.stack([*objective(trace).values()]).sum().backward()
        optimizer.step()
        schedule.step()


def with_derivatives(
    repeats: int, steps: int, samples: tuple[int, ...] = SAMPLES
) -> dict[str, Any]:
    """Return by place, estimator and K the mean variance of the gradient by means and by log σ."""
    model, found = cancer(), {}
    for place in PLACES:
        if place == "optimum":
            climb(model, ELBO(num_samples=16, estimator=StickTheLanding()), steps, 0.05)
        found[place] = {
            name: {k: halves(gradients(model, make(k), repeats)) for k in samples if fits(name, k)}
            for name, make in SMOOTH.items()
        }
    return found


def fits(name: str, num_samples: int) -> bool:
    """Whether an estimator can be had of so many draws."""
    return num_samples > 1 or name != "score, leave-one-out"


def halves(found: Tensor) -> dict[str, Any]:
    """Return variances of a gradient by means and by log σ: their means, and each one."""
    variance = found.var(0).view(2, -1)
    mean = variance.mean(1).tolist()
    return {"mean": mean[0], "log_scale": mean[1], "each": rounded(variance)}


def rounded(values: Tensor) -> list[list[float]]:
    """Return values to three digits, which keeps the file small."""
    return [[float(f"{value:.3g}") for value in row] for row in values.tolist()]


def without(repeats: int, steps: int, samples: tuple[int, ...] = SAMPLES) -> dict[str, Any]:
    """Return by place, estimator and K the mean variance and the squared bias of the gradient."""
    exact, found = Categories().double(), {}
    exact.columns, exact.x = exact.columns.double(), exact.x.double()
    for place in PLACES:
        if place == "optimum":
            climb(exact, EnumeratedELBO(), steps, 0.05)
        right = gradient(exact, EnumeratedELBO())
        rows: dict[str, Any] = {
            "enumerated": {1: errors(gradients(exact, EnumeratedELBO(), 2), right)}
        }
        for name, make in DISCRETE.items():
            rows[name] = {
                k: errors(gradients(exact, make(k), repeats), right)
                for k in samples
                if fits(name, k)
            }
        for t in TEMPERATURES:
            exact.temperature = t
            rows[f"relaxed, τ {t}"] = {
                k: errors(gradients(exact, ELBO(num_samples=k), repeats), right) for k in samples
            }
            exact.temperature = None
        found[place] = rows
    return found


def errors(found: Tensor, right: Tensor) -> dict[str, float]:
    """Return variance and squared bias, averaged over parameters; of the bias without its noise."""
    variance = found.var(0)
    bias = (found.mean(0) - right).square() - variance / len(found)
    return {"variance": variance.mean().item(), "squared_bias": max(0.0, bias.mean().item())}


def show(console: Console, found: dict[str, Any]) -> None:
    """Print what is drawn, as four tables."""
    for problem, what in WHAT.items():
        for place, rows in found[problem].items():
            table = Table(title=f"{problem}, at the {place}: {what}", title_justify="left")
            for head in ("", *map(str, SAMPLES)):
                table.add_column(head, justify="right" if head else "left", no_wrap=True)
            for name, by_k in rows.items():
                cells = [f"{heights(by_k[k]):.2g}" if k in by_k else "" for k in SAMPLES]
                table.add_row(name, *cells)
            console.print(table)


STYLES = {
    "score function": ("C3", "-"),
    "score, leave-one-out": ("C1", "-"),
    "reparameterized": ("C0", "-"),
    "sticking the landing": ("C2", "-"),
    "DReG of the IWAE bound": ("C4", "--"),
    "relaxed, τ 1.0": ("C0", "-"),
    "relaxed, τ 0.5": ("C9", "-"),
    "relaxed, τ 0.1": ("C2", "-"),
}


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw variances against K, and of the discrete problem the root of the mean squared error."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.4), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    for row, place in zip(panels.T, PLACES, strict=True):
        for axes, problem in zip(row, WHAT, strict=True):
            for name, by_k in found[problem][place].items():
                if name == "enumerated":
                    continue
                colour, line = STYLES[name]
                size = [heights(v) for v in by_k.values()]
                label = name if place == "start" else None
                axes.loglog([*by_k], size, line, marker=".", color=colour, label=label)
            axes.set_title(f"{problem}, at the {place}", fontsize=10)
            axes.grid(alpha=0.2)
    for axes, what in zip(panels[:, 0], WHAT.values(), strict=True):
        axes.set_ylabel(what)
        axes.legend(fontsize=8, frameon=False)
    for axes in panels[1]:
        axes.set_xlabel("draws K of one gradient")
        axes.set_xticks(SAMPLES, [str(k) for k in SAMPLES])
    figure.savefig(path, dpi=100)


def heights(value: dict[str, Any]) -> float:
    """Return what is drawn: a variance, or the root of variance and squared bias together."""
    if "mean" in value:
        return float(value["mean"])
    return float((value["variance"] + value["squared_bias"]) ** 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--output", type=Path, default=Path("docs/variances.json"))
    parser.add_argument("--plot", type=Path, default=Path("docs/images/variances.png"))
    options = parser.parse_args()
    torch.manual_seed(0)
    command = f"python -m benchmarks.variances --repeats {options.repeats}"
    found: dict[str, Any] = {"command": command, "machine": describe(), "repeats": options.repeats}
    found["logistic regression"] = with_derivatives(options.repeats, 3000)
    found["categories"] = without(options.repeats, 3000)
    show(Console(width=100), found)
    write(found, options.output)
    plot(found, options.plot)


if __name__ == "__main__":
    main()
