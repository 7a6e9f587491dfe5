"""How often values of discrete latents are taken, and the mean shares of a whole."""

__all__ = ["mean_bars", "usage"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from vae.evaluation.drawing.marginals import OF_PRIOR
from vae.evaluation.drawing.palette import CLASSES, sequential
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import figured, plot, written
from vae.evaluation.drawing.sides import PANELS

ROW, WORDS = 22, 66  # pixels of CSS: of a variable, of titles and numbers around them
WIDTH = 360


def usage(q: Tensor, p: Tensor, names: Sequence[str]) -> Picture:
    """Draw how often variables take each of their categories, as colours.

    Args:
        q: Frequencies under the aggregate posterior, ``(D, C)``.
        p: Those under the prior.
        names: Of the variables.
    """
    most = max(q.max().item(), p.max().item())

    def fill(figure: Any) -> None:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, title, values in zip(panels, PANELS, (p, q), strict=True):
            edges = [[i - 0.5 for i in range(side + 1)] for side in reversed(values.shape)]
            drawn = axes.pcolormesh(
                *edges, values.numpy(), vmin=0, vmax=most, cmap=sequential(), rasterized=True
            )
            axes.set_title(title, pad=3)
            axes.set_xlabel("category")
            axes.xaxis.get_major_locator().set_params(integer=True, nbins=6)
            axes.spines[:].set_visible(False)
        panels[0].set_yticks(range(len(names)), [written(name) for name in names])
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        beside = figure.colorbar(drawn, ax=panels, label="frequency")
        beside.outline.set_visible(False)
        beside.solids.set(rasterized=True)

    drawn = figured(fill, (WIDTH, WORDS + max(3, len(names)) * ROW))
    return replace(drawn, note="How often each variable takes each of its categories.")


def mean_bars(q: Tensor, p: Tensor, names: Sequence[str], ylabel: str) -> Picture:
    """Draw the mean of each variable under q(z) as a bar, and under p(z) as a line across it.

    Args:
        q: Draws from the aggregate posterior, ``(N, D)``.
        p: Draws from the prior, ``(M, D)``.
        names: Of the variables.
        ylabel: What a mean is.
    """

    def draw(axes: Any) -> None:
        at = list(range(len(names)))
        axes.bar(at, q.double().mean(0).numpy(), width=0.8, color=CLASSES[0], alpha=0.6)
        means = p.double().mean(0).numpy()
        axes.hlines(means, [i - 0.4 for i in at], [i + 0.4 for i in at], color=OF_PRIOR)
        axes.set_xticks(at, [written(name, 5) for name in names])

    legend = (("q(z)", CLASSES[0]), ("p(z)", OF_PRIOR))
    drawn = plot(draw, "", ylabel, legend)
    note = f"Over {len(q):,} draws of q(z), one of each example, and {len(p):,} of p(z)."
    return replace(drawn, note=note)
