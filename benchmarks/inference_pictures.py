"""The pictures of docs/inference.md, drawn from what its own blocks compute.

    python -m benchmarks.inference_pictures [--page docs/inference.md] [--folder docs/images]
        [--only gap]

Runs every block of Python of the page, as its test does, and draws from the names that they leave.
"""

import argparse
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.distributions import Normal, Poisson

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLUE, ORANGE, GREEN, RED, GREY = "C0", "C1", "C2", "C3", "0.55"


def names_of(page: Path) -> dict[str, Any]:
    """Run the blocks of a page from top to bottom; return what they leave."""
    names: dict[str, Any] = {"__name__": page.stem}
    for block in BLOCK.findall(page.read_text()):
        exec(block, names)  # the project's own page, as tests/docs runs it
    return names


def sheet(columns: int, height: float = 3.0, **options: Any) -> tuple[Figure, Any]:
    """Return a figure with a row of panels."""
    figure = Figure(figsize=(4 * columns, height), layout="constrained")
    panels = figure.subplots(1, columns, **options)
    for axes in np.atleast_1d(panels):
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def two_ways(names: dict[str, Any]) -> Figure:
    """Draw a step of μ as moved points, and as changed weights."""
    figure, panels = sheet(2, 3.4, sharey=True)
    grid, f = torch.linspace(-3, 1.4, 400), names["log_joint"]
    q, moved = Normal(-1.3, 0.6), Normal(-0.8, 0.6)
    z = q.icdf(torch.linspace(0.05, 0.95, 7))
    for axes, title in zip(panels, ("draws move", "draws change their weight"), strict=True):
        axes.plot(grid, f(grid), color=GREY, label="f(z) = log p(x, z)")
        for one, style, name in ((q, "-", "q"), (moved, "--", "q after a step of μ")):
            density = -19 + 5 * one.log_prob(grid).exp()
            axes.plot(grid, density, style, color=BLUE, linewidth=1, label=name)
        axes.set(xlabel="z", ylim=(-19.5, -3), yticks=[])
        axes.set_title(title, fontsize=10)
        axes.scatter(z, f(z), s=36, facecolors="white", edgecolors=BLUE, zorder=3)
    for start, end in zip(z, z + 0.5, strict=True):
        arrow = {"arrowstyle": "-|>", "color": ORANGE, "linewidth": 1.4}
        ends = [(at.item(), f(at).item()) for at in (end, start)]
        panels[0].annotate("", *ends, arrowprops=arrow, zorder=4)
    weight = (moved.log_prob(z) - q.log_prob(z)).exp()
    panels[1].scatter(z, f(z), s=36 * weight, color=ORANGE, zorder=4)
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def variance_by_count(names: dict[str, Any]) -> Figure:
    """Draw the variance of both gradients against the number of unknowns."""
    figure, panels = sheet(2, 3.2, sharey=True)
    counts = (1, 2, 5, 10, 20, 50, 100)
    torch.manual_seed(0)
    places = {"at the start, μ 0, σ 1": (0.0, 0.0), "at the optimum": (-0.09, -0.7)}
    for axes, (title, place) in zip(panels, places.items(), strict=True):
        for way, colour in (("score function", RED), ("reparameterized", BLUE)):
            found = [
                names["gradients"](way, *place, torch.randn(10_000, count)).var(0)[0].item()
                for count in counts
            ]
            axes.loglog(counts, found, ".-", color=colour, label=way)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("unknowns")
        axes.grid(alpha=0.2)
    panels[0].set_ylabel("variance of one draw's gradient by μ")
    panels[0].legend(frameon=False)
    return figure


def steps(names: dict[str, Any]) -> Figure:
    """Draw q along the steps beside the posterior, and the ELBO below the evidence."""
    figure, (left, right) = sheet(2, 3.2)
    grid, path = names["grid"], names["path"]
    inside = (grid > -2.5) & (grid < 2)
    left.fill_between(
        grid[inside], names["exact_density"][inside], color=GREY, alpha=0.3, linewidth=0
    )
    left.plot([], [], color=GREY, linewidth=6, alpha=0.4, label="exact posterior")
    for number, shade in ((0, 0.25), (30, 0.45), (80, 0.7), (len(path) - 1, 1.0)):
        mu, sigma, _ = path[number]
        density = Normal(mu, sigma).log_prob(grid[inside]).exp()
        left.plot(grid[inside], density, color=BLUE, alpha=shade, label=f"q, step {number + 1}")
    left.set(xlabel="z", ylabel="density")
    left.legend(frameon=False, fontsize=8, loc="upper left")
    right.plot([elbo for *_, elbo in path], color=BLUE, linewidth=0.8, label="ELBO, 1,000 draws")
    right.axhline(names["log_evidence"], color=RED, linewidth=1, label="log p(x)")
    right.set(xlabel="step", ylabel="nats", ylim=(-6.5, -4.2))
    right.legend(frameon=False, loc="lower right")
    return figure


def banana(names: dict[str, Any]) -> Figure:
    """Draw the banana and draws of each fit."""
    figure, panels = sheet(3, 3.2, sharey=True)
    a, b = torch.meshgrid(torch.linspace(-3, 3, 200), torch.linspace(-2, 8, 200), indexing="xy")
    density = names["banana"](a, b).exp()
    for axes, (name, fit) in zip(panels, names["fits"].items(), strict=True):
        axes.contour(
            a, b, density, levels=[0.02, 0.08, 0.14, 0.2, 0.26, 0.31], colors=GREY, linewidths=0.8
        )
        draws = fit.sample(600)
        axes.scatter(draws["a"], draws["b"], s=3, color=BLUE, alpha=0.5)
        axes.set_title(f"{name.replace('_', ' ')}: k̂ = {fit.diagnosis.khat:.2f}", fontsize=10)
        axes.set(xlabel="a", xlim=(-3, 3), ylim=(-2, 8))
    panels[0].set_ylabel("b")
    return figure


@torch.no_grad()
def encoder(names: dict[str, Any]) -> Figure:
    """Draw what the encoder says of each total, beside the exact posterior."""
    figure, axes = sheet(1, 3.4)
    figure.set_size_inches(6, 3.4)
    grid = torch.linspace(-6, 4, 4001)
    for total in range(16):
        log_p = Normal(0.0, 1.0).log_prob(grid) + Poisson(3 * grid.exp()).log_prob(
            torch.tensor(float(total))
        )
        p = log_p.softmax(0)
        mean = (p * grid).sum()
        std = (p * (grid - mean) ** 2).sum().sqrt()
        label = total == 0
        axes.errorbar(
            total - 0.12,
            mean,
            std,
            fmt="o",
            markersize=4,
            color=GREY,
            label="exact" if label else None,
        )
        counts = torch.tensor([[total // 3, (total + 1) // 3, (total + 2) // 3]]).float()
        mu, log_sigma = names["encoder"]((counts + 1).log()).unbind(-1)
        axes.errorbar(
            total + 0.12,
            mu,
            log_sigma.exp(),
            fmt="o",
            markersize=4,
            color=BLUE,
            label="encoder" if label else None,
        )
    axes.set(xlabel="calls in three hours", ylabel="log rate z, mean ± deviation")
    axes.legend(frameon=False)
    return figure


@torch.no_grad()
def autoencoder(names: dict[str, Any]) -> Figure:
    """Draw decoded pictures along a grid of z, and the codes of the digits by label."""
    from sklearn.datasets import load_digits

    figure, (left, right) = sheet(2, 3.5)
    along = Normal(0.0, 1.0).icdf(torch.linspace(0.04, 0.96, 10))
    z = torch.stack(torch.meshgrid(along, -along, indexing="xy"), -1)
    pictures = names["model"].decode(z).mean.view(10, 10, 8, 8)
    pictures = torch.nn.functional.pad(pictures, (1, 1, 1, 1))
    left.imshow(1 - pictures.permute(0, 2, 1, 3).reshape(100, 100), cmap="gray")
    left.set_title("decoded along quantiles of the prior", fontsize=10)
    left.set(xticks=[], yticks=[])
    codes, label = names["model"].embed(names["digits"]), load_digits().target
    for digit in range(10):
        at = codes[label == digit]
        right.scatter(at[:, 0], at[:, 1], s=2, color=f"C{digit}", alpha=0.6)
        right.annotate(str(digit), at.median(0).values.tolist(), fontsize=12, weight="bold")
    right.set_title("codes of 1,797 digits, which it was not told", fontsize=10)
    right.set(xlabel="z₁", ylabel="z₂")
    return figure


class Bumps(torch.nn.Module):
    """Features without parameters, each of which a part of the line alone sees."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(*lead, 1)`` to ``(*lead, 25)``."""
        return torch.exp(-0.5 * ((x - torch.linspace(-3, 3, 25)) / 0.25) ** 2)


@torch.no_grad()
def gap(names: dict[str, Any]) -> Figure:
    """Draw the prediction of three nets, with the doubt about its mean."""
    figure, panels = sheet(3, 3.2, sharey=True)
    places = torch.linspace(-4, 4, 161)[:, None]
    with torch.enable_grad():
        torch.manual_seed(0)
        regression, hidden = names["regression"], names["hidden"]
        models = {
            "local features": regression(torch.nn.Sequential(Bumps(), torch.nn.Linear(25, 1))),
            "tanh": names["smooth"],
            "ReLU": regression(hidden(torch.nn.ReLU())),
        }
    for axes, (name, model) in zip(panels, models.items(), strict=True):
        means = model.predict(places, num_samples=300).component_distribution.mean
        mean, std = means.mean(-1), means.std(-1)
        x = places[:, 0]
        for times, shade in ((2, 0.2), (1, 0.35)):
            low, high = mean - times * std, mean + times * std
            axes.fill_between(x, low, high, color=BLUE, alpha=shade, linewidth=0)
        axes.plot(x, mean, color=BLUE)
        axes.scatter(names["inputs"], names["targets"], s=4, color="black", zorder=3)
        axes.set_title(f"{name}: mean of y, ± 1 and 2 deviations", fontsize=10)
        axes.set(xlabel="x", ylim=(-3.2, 3.2))
    return figure


PICTURES = {
    "two_ways": two_ways,
    "gradients": variance_by_count,
    "steps": steps,
    "banana": banana,
    "encoder": encoder,
    "vae": autoencoder,
    "gap": gap,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--page", type=Path, default=Path("docs/inference.md"))
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    parser.add_argument("--only", nargs="+", choices=PICTURES, default=[*PICTURES])
    options = parser.parse_args()
    names = names_of(options.page)
    for name in options.only:
        PICTURES[name](names).savefig(options.folder / f"inference_{name}.png", dpi=90)


if __name__ == "__main__":
    main()
