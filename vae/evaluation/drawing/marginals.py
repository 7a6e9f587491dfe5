"""A picture of the marginals of the aggregate posterior against those of the prior."""

__all__ = ["marginals"]

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.drawing.palette import CLASSES
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import figured

COLUMNS = 3
PANEL = (120, 96)  # pixels of CSS
BINS = 40
OF_PRIOR = CLASSES[6]


def marginals(q: Tensor, p: Tensor, dims: Sequence[int], names: Sequence[str]) -> Picture:
    """Draw for some dimensions a histogram of q(z) with that of p(z).

    Args:
        q: Draws from the aggregate posterior, ``(N, D)``; whole numbers are taken as categories.
        p: Draws from the prior, ``(M, D)``.
        dims: Which dimensions, in this order.
        names: What they are called.
    """
    columns = min(COLUMNS, len(dims))
    rows = -(-len(dims) // columns)
    color = CLASSES[0]

    def fill(figure: Any) -> None:
        panels = figure.subplots(rows, columns, squeeze=False).flat
        for axes, dim, name in zip(panels, dims, names, strict=False):
            edges = bin_edges(q[:, dim], p[:, dim])
            shared = {"bins": edges, "density": True}
            axes.hist(q[:, dim].numpy(), histtype="stepfilled", alpha=0.6, color=color, **shared)
            axes.hist(p[:, dim].numpy(), histtype="step", color=OF_PRIOR, linewidth=1.5, **shared)
            axes.set_title(name, pad=3)
            axes.set_yticks([])
            axes.spines[["top", "right", "left"]].set_visible(False)
        for axes in panels[len(dims) :]:
            axes.set_visible(False)

    legend = (("q(z)", color), ("p(z)", OF_PRIOR))
    return figured(fill, (PANEL[0] * COLUMNS, PANEL[1] * rows), legend)


def bin_edges(q: Tensor, p: Tensor) -> list[float]:
    """Return edges over all but the extremes of both, or around each category."""
    if not q.is_floating_point():
        return [c - 0.5 for c in range(int(max(q.max(), p.max())) + 2)]
    ends = torch.tensor([0.001, 0.999], dtype=q.dtype)
    pairs = torch.stack([q.quantile(ends), p.quantile(ends)])
    low, high = pairs[:, 0].min().item(), pairs[:, 1].max().item()
    return torch.linspace(low, high, BINS + 1, dtype=torch.float64).tolist()
