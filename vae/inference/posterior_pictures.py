"""Pictures of a fitted posterior, alone or over the draws of chains."""

__all__ = ["MOST_PAIRS", "draw_chains", "draw_elbo", "draw_marginals", "draw_pairs"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.drawing.palette import CLASSES, class_colors
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import SIZE, figured, plot, written

OF_FIT, OF_CHAINS = CLASSES[0], CLASSES[6]
BINS = 50
MOST_PAIRS = 4  # coordinates that are drawn against each other
SIDE = 132  # pixels of CSS, of a panel for two coordinates
TICKS = {"nbins": 2, "steps": [1, 2, 5, 10]}  # so few that long numbers stand apart
PLAIN = (-2, 5)  # powers of ten between which numbers are written out
SMALL = 10  # letters beside a panel
POINTS = 600  # of a panel, of each posterior
OUTER = 0.002  # part of the draws on each side that is not drawn


def draw_elbo(steps: Tensor, elbo: Tensor, errors: Tensor, late: int) -> Picture:
    """Draw the ELBO along training with two standard errors on either side.

    The first evaluations are left out where they lie so low that the rest would be a flat line.

    Args:
        steps: ``(V,)``.
        elbo: ``(V,)``, nats.
        errors: ``(V,)``.
        late: How many of the last are judged, which are shaded.
    """
    known = elbo.isfinite()
    steps, elbo, errors = steps[known].double(), elbo[known].double(), errors[known].double()
    start = first_shown(elbo) if len(elbo) else 0
    x, y, wide = (part[start:].numpy() for part in (steps, elbo, 2 * errors.nan_to_num(0)))

    def draw(axes: Any) -> None:
        axes.fill_between(x, y - wide, y + wide, color=OF_FIT, alpha=0.25, linewidth=0)
        axes.plot(x, y, color=OF_FIT, marker="." * (len(x) < 60))
        if late and len(x):
            axes.axvspan(steps[-late].item(), steps[-1].item(), color=CLASSES[8], alpha=0.15, lw=0)
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)

    note = f"From step {int(steps[start]):,} on. " if start else ""
    shaded = "The shaded part is that by which it is judged; " if late else ""
    band = "the band is two standard errors of the draws, which all evaluations share."
    drawn = plot(draw, "optimizer steps", "ELBO (nats)")
    return replace(drawn, note=note + (shaded + band if shaded else band.capitalize()))


def first_shown(elbo: Tensor) -> int:
    """Return the first value that is not far below the others, but the last two at the least."""
    best, lower = elbo.max(), elbo.quantile(0.25)
    least = best - 4 * (best - lower)
    return min(int((elbo >= least).int().argmax()), max(0, len(elbo) - 2))


def draw_marginals(names: Sequence[str], fit: Tensor, chains: Tensor | None, by: str) -> Picture:
    """Draw a histogram of each coordinate of a fit, under that of chains.

    All of them take the square that `draw_pairs` takes beside them.

    Args:
        names: Of the coordinates.
        fit: Draws, ``(n, M)``.
        chains: Draws, ``(m, M)``.
        by: What made the chains.
    """
    columns = 1 if len(names) < MOST_PAIRS else max(2, -(-len(names) // MOST_PAIRS))
    rows = -(-len(names) // columns)
    side = SIDE * min(len(names), MOST_PAIRS)

    def fill(figure: Any) -> None:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for i, (axes, name) in enumerate(zip(panels, names, strict=False)):
            marginal(axes, fit[:, i], None if chains is None else chains[:, i])
            axes.set_title(written(name), pad=3)
        for axes in panels[len(names) :]:
            axes.set_visible(False)

    return figured(fill, (side, side) if len(names) > 1 else SIZE, legend_of(chains, by))


def legend_of(chains: Tensor | None, by: str) -> tuple[tuple[str, str], ...]:
    """Return the colours of fit and chains, if there are both."""
    return () if chains is None else (("fit", OF_FIT), (by, OF_CHAINS))


def marginal(axes: Any, fit: Tensor, chains: Tensor | None) -> None:
    """Draw the histograms of one coordinate on common bins."""
    low, high = span_of(fit, chains)
    shared = {"bins": torch.linspace(low, high, BINS + 1).tolist(), "density": True}
    axes.hist(fit.numpy(), histtype="stepfilled", alpha=0.6, color=OF_FIT, **shared)
    if chains is not None:
        axes.hist(chains.numpy(), histtype="step", color=OF_CHAINS, linewidth=1.5, **shared)
    axes.set_xlim(low, high)
    axes.set_yticks([])
    axes.locator_params(axis="x", **TICKS)
    axes.ticklabel_format(axis="x", scilimits=PLAIN)
    axes.tick_params(labelsize=SMALL)
    axes.spines[["top", "right", "left"]].set_visible(False)


def span_of(fit: Tensor, chains: Tensor | None) -> tuple[float, float]:
    """Return the ends of all but the outermost draws of both."""
    ends = torch.tensor([OUTER, 1 - OUTER], dtype=fit.dtype)
    pairs = [draws.quantile(ends) for draws in (fit, chains) if draws is not None]
    low = min(pair[0].item() for pair in pairs)
    return low, max(max(pair[1].item() for pair in pairs), low + 1e-12)


def draw_pairs(names: Sequence[str], fit: Tensor, chains: Tensor | None, by: str) -> Picture:
    """Draw every two coordinates as points, and each alone on the diagonal.

    Arguments as of `draw_marginals`.
    """
    count = len(names)

    def fill(figure: Any) -> None:
        grid = figure.subplots(count, count, squeeze=False)
        for i, row in enumerate(grid):
            for j, axes in enumerate(row):
                if j > i:
                    axes.set_visible(False)
                elif j == i:
                    marginal(axes, fit[:, i], None if chains is None else chains[:, i])
                else:
                    both(axes, fit[:, [j, i]], None if chains is None else chains[:, [j, i]])
                    axes.tick_params(labelleft=j == 0)
                axes.tick_params(labelbottom=i == count - 1, labelsize=SMALL)
                axes.set_xlabel(written(names[j], 12) if i == count - 1 else "")
                axes.set_ylabel(written(names[i], 12) if j == 0 and i else "")

    return figured(fill, (SIDE * count, SIDE * count), legend_of(chains, by))


def both(axes: Any, fit: Tensor, chains: Tensor | None) -> None:
    """Draw the points of two coordinates, those of the chains on top."""
    for draws, color in ((fit, OF_FIT), (chains, OF_CHAINS)):
        if draws is not None:
            xy = draws[:: max(1, len(draws) // POINTS)].T.numpy()
            axes.scatter(*xy, s=5, alpha=0.45, color=color, linewidths=0, rasterized=True)
    for side, set_ends in enumerate((axes.set_xlim, axes.set_ylim)):
        set_ends(*span_of(fit[:, side], None if chains is None else chains[:, side]))
    axes.locator_params(**TICKS)
    axes.ticklabel_format(scilimits=PLAIN)
    axes.spines[["top", "right"]].set_visible(False)


def draw_chains(name: str, draws: Tensor) -> Picture:
    """Draw one coordinate along every chain, ``(C, S)``."""
    colors = class_colors(len(draws))

    def draw(axes: Any) -> None:
        for chain, color in zip(draws, colors, strict=True):
            axes.plot(chain.numpy(), color=color, linewidth=0.6, alpha=0.8)

    return plot(draw, "draw", written(name))
