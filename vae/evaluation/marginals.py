"""A picture of the marginals of the aggregate posterior against those of the prior."""

__all__ = ["marginals"]

from collections.abc import Sequence

import torch
from torch import Tensor

from vae.evaluation.plots import DPI
from vae.evaluation.render import pixels_of

COLUMNS = 4
PANEL = (1.9, 1.4)  # inches
BINS = 40


def marginals(q: Tensor, p: Tensor, dims: Sequence[int]) -> Tensor:
    """Draw for some dimensions a histogram of q(z) with that of p(z), uint8 ``(3, H, W)``.

    Args:
        q: Draws from the aggregate posterior, ``(N, D)``; whole numbers are taken as categories.
        p: Draws from the prior, ``(M, D)``.
        dims: Which dimensions, in this order.
    """
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(dims))
    rows = -(-len(dims) // columns)
    size = (PANEL[0] * columns, PANEL[1] * rows + 0.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, dim in zip(panels, dims, strict=False):
        edges = bin_edges(q[:, dim], p[:, dim])
        axes.hist(
            q[:, dim].numpy(), edges, density=True, histtype="stepfilled", alpha=0.6, label="q(z)"
        )
        axes.hist(p[:, dim].numpy(), edges, density=True, histtype="step", color="k", label="p(z)")
        axes.set_title(f"dimension {dim}", fontsize="small")
        axes.set_yticks([])
        axes.tick_params(labelsize="x-small")
    for axes in panels[len(dims) :]:
        axes.set_visible(False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return pixels_of(figure)


def bin_edges(q: Tensor, p: Tensor) -> list[float]:
    """Return edges over all but the extremes of both, or around each category."""
    if not q.is_floating_point():
        return [c - 0.5 for c in range(int(max(q.max(), p.max())) + 2)]
    ends = torch.tensor([0.001, 0.999], dtype=q.dtype)
    pairs = torch.stack([q.quantile(ends), p.quantile(ends)])
    low, high = pairs[:, 0].min().item(), pairs[:, 1].max().item()
    return torch.linspace(low, high, BINS + 1, dtype=torch.float64).tolist()
