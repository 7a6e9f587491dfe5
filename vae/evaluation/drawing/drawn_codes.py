"""Examples, the parameters of their posteriors, draws from these, and what the draws decode to."""

__all__ = ["PosteriorPanel", "drawn_codes"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vae.evaluation.drawing.canvas import INK
from vae.evaluation.drawing.palette import CLASSES, class_colors
from vae.evaluation.drawing.picture import Picture
from vae.evaluation.drawing.plots import figured, written
from vae.evaluation.drawing.render import as_rgb, stretched

WIDTH, ROW, WORDS = 360, 62, 44  # pixels of CSS: of all, of an example, of the words around them
CELL, PANEL = 1.0, 2.2  # widths, of one example and of its parameters
SMALL, LABELS = 11, 6  # size of the words of a panel, and how many names there is room for
LETTERS = 17  # of all these names
APART = 0.5  # of the space of a variable, over which its draws are spread
OF_Q = CLASSES[8]


@dataclass(frozen=True)
class PosteriorPanel:
    """Some variables of one latent: parameters of q(z|x) of each example, and draws.

    Args:
        title: What the latent is called.
        names: Of the variables, or of the categories of one.
        center: ``(B, V)``: centres, or probabilities.
        spread: One deviation of q, ``(B, V)``; ``None`` of probabilities, which are bars.
        draws: ``(K, B, V)``; of categories one-hot.
        one_hot: Whether these are the categories of one variable.
    """

    title: str
    names: Sequence[str]
    center: Tensor
    spread: Tensor | None
    draws: Tensor
    one_hot: bool = False

    def limits(self) -> tuple[float, float]:
        """Return the lowest and the highest value of the vertical axis, that of all rows."""
        if self.spread is None:
            return -0.08, 1.08
        both = [self.center - self.spread, self.center + self.spread, *self.draws]
        low, high = min(v.min().item() for v in both), max(v.max().item() for v in both)
        room = 0.06 * max(high - low, 1e-6)
        return low - room, high + room


def drawn_codes(
    x: Tensor,
    panels: Sequence[PosteriorPanel],
    decoded: Tensor,
    *,
    span: tuple[float, float],
) -> Picture:
    """Draw a row for each example: x, its q(z|x) with the draws, and what these decode to.

    Args:
        x: ``(B, *event)``.
        panels: Of each latent.
        decoded: Mean of p(x|z) of each draw, ``(K, B, *event)``.
        span: What values of pictures are black and white.
    """
    colors = class_colors(len(decoded))
    widths = [CELL, *[PANEL] * len(panels), *[CELL] * len(decoded)]
    ends = torch.cat([x[None], decoded]).aminmax()

    def fill(figure: Any) -> None:
        grid = figure.subplots(len(x), len(widths), width_ratios=widths, squeeze=False)
        for row, axes in enumerate(grid):
            show(axes[0], x[row], INK, span, ends)
            for place, panel in zip(axes[1:], panels, strict=False):
                parameters(place, panel, row, colors, last=row == len(x) - 1)
            for place, example, color in zip(
                axes[1 + len(panels) :], decoded[:, row], colors, strict=True
            ):
                show(place, example, color, span, ends)
        titles = ["x", *(panel.title for panel in panels)]
        for place, title in zip(grid[0], titles, strict=False):
            place.set_title(written(title), pad=3)
        first = grid[0][1 + len(panels)]
        first.set_title("p(x|z)", pad=5, loc="left").set_in_layout(False)  # or it parts the columns

    drawn = figured(fill, (WIDTH, WORDS + ROW * len(x)))
    return replace(drawn, note=note_of(panels, len(decoded)))


def note_of(panels: Sequence[PosteriorPanel], num_draws: int) -> str:
    """Say what a reader sees."""
    lines = "a wide line is one deviation to either side of the centre"
    kinds = {"a bar is a probability" if p.spread is None else lines for p in panels}
    return (
        f"In each row an example, its q(z|x), where {' and '.join(sorted(kinds))}, and "
        f"{num_draws} draws: each has a colour, in its dots and around what it decodes to."
    )


def show(axes: Any, x: Tensor, color: str, span: tuple[float, float], ends: Any) -> None:
    """Draw one example in a frame of a colour: a picture, or the curves of a signal or vector."""
    if x.dim() == 3:
        pixels = as_rgb(stretched(x, span)).permute(1, 2, 0).numpy()
        axes.imshow(pixels, interpolation="nearest", aspect="equal")
    else:
        for curve in x.reshape(-1, x.shape[-1]):
            axes.plot(
                curve.numpy(), color=color, linewidth=1.0, marker="." if len(curve) == 1 else ""
            )
        axes.set_ylim(ends.min.item() - 1e-6, ends.max.item() + 1e-6)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=2.0)


def parameters(
    axes: Any, panel: PosteriorPanel, row: int, colors: Sequence[str], *, last: bool
) -> None:
    """Draw the parameters of one example's q(z|x), and its draws over them."""
    center, draws = panel.center[row], panel.draws[:, row]
    across = torch.arange(len(center))
    if panel.spread is None:
        axes.bar(across, center.numpy(), width=0.8, color=OF_Q, alpha=0.5)
    else:
        axes.errorbar(
            across, center.numpy(), panel.spread[row].numpy(), fmt="_", color=OF_Q, linewidth=5,
            alpha=0.5, markersize=11, markeredgewidth=1.5,
        )  # fmt: skip
    for number, (z, color) in enumerate(zip(draws, colors, strict=True)):
        aside = APART * ((number + 0.5) / len(draws) - 0.5)
        if panel.one_hot:
            at, height = z.nonzero()[:, 0] + aside, torch.ones(int(z.sum()))
        else:
            at, height = across + aside, z
        axes.scatter(at.numpy(), height.numpy(), s=14, color=color, linewidths=0, zorder=3)
    axes.set(xlim=(-0.6, len(center) - 0.4), ylim=panel.limits())
    axes.locator_params(axis="y", nbins=2)
    axes.tick_params(labelsize=SMALL, pad=1, length=2)
    letters = sum(len(panel.names[i]) for i in across)
    few = across[:: max(1 if len(across) <= LABELS else 2, -(-letters // LETTERS))].tolist()
    axes.set_xticks(few, [written(panel.names[i]) for i in few] if last else [])
    axes.spines[["top", "right"]].set_visible(False)
