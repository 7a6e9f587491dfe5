"""Rows of vectors and signals as curves."""

__all__ = ["CurveGrid"]

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae.evaluation.drawing.canvas import DPI, INK, STYLE, UNIT, pixels_of, svg_of
from vae.evaluation.drawing.palette import class_colors, class_legend, sequential

WIDTH, LEFT, MARGIN = 360, 48, 4  # pixels of CSS: of all, left of signals and of vectors
FEW = 12  # values of a vector, that stand beside each other with a scale each
PANEL, CELL = 88, 52  # pixels of CSS, heights
PER_LINE = 5  # signals
MOST_POINTS = 20_000  # drawn as lines of an SVG
FOOT = 16  # pixels of CSS, of the numbers below
OF_FILMS = "#d9dee5"  # ground of what moves: no slab on a light page, no lamp on a dark one


class Text(NamedTuple):
    """A number and where its middle is, or its right end if it is a scale's."""

    x: float
    y: float
    text: str
    scale: bool = False


class CurveGrid:
    """Curves of several frames on a common scale; colours, numbers and rules stay.

    A vector of few values is a line over these, each between its own ends, and all vectors of a row
    are in one panel, dark to light in their order. Longer ones, and signals, are cells of their own
    on one scale, five to a line.

    Args:
        frames: Signals ``(T, rows, columns, C, L)`` or vectors ``(T, rows, columns, D)``.
    """

    def __init__(self, frames: Tensor) -> None:
        self.curves = frames if frames.dim() == 5 else frames.unsqueeze(3)
        _, self.rows, self.columns, self.channels, self.length = self.curves.shape
        if self.length == 1:  # a dash
            self.curves = self.curves.expand(-1, -1, -1, -1, 2)
        self.together = frames.dim() == 4 and self.length <= FEW
        joined = self.curves.flatten(0, -2) if self.together else self.curves.reshape(-1, 1)
        gaps = joined.isnan()  # a sequence is shorter than others
        self.low = torch.where(gaps, torch.inf, joined).amin(0)
        self.high = torch.where(gaps, -torch.inf, joined).amax(0)
        self.per_line = self.columns if self.together else min(self.columns, PER_LINE)
        self.lines = -(-self.columns // self.per_line)
        self.row_height = PANEL if self.together else CELL * self.lines

    @property
    def note(self) -> str:
        """What a reader must know of the scales."""
        if not self.together:
            return f"Each curve runs over {self.length} values; all are on one scale."
        ends = list(zip(self.low.tolist(), self.high.tolist(), strict=True))[: self.length]
        scales = ", ".join(f"{i}: {low:.3g} to {high:.3g}" for i, (low, high) in enumerate(ends))
        return (
            "A line for each vector, dark to light from the first to the last, over the numbered "
            f"values, each between its own ends ({scales})."
        )

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """The colours of channels."""
        return () if self.together else class_legend([f"channel {c}" for c in range(self.channels)])

    def pixels(self, *, moving: bool = False) -> Tensor:
        """Return each frame, uint8 ``(T, 3, height, width)``."""
        figure, drawn = self.figure()
        frames = []
        for curves in self.places():
            drawn.set_segments(curves)
            frames.append(pixels_of(figure, OF_FILMS if moving else "white"))
        return torch.stack(frames)

    def svg(self) -> str:
        """Return the first frame as an SVG element."""
        figure, drawn = self.figure()
        drawn.set_segments(self.places()[0])
        return svg_of(figure)

    def figure(self) -> tuple[Any, Any]:
        """Return a figure without its curves, and the collection that they become."""
        import matplotlib
        from matplotlib.collections import LineCollection
        from matplotlib.figure import Figure

        height = self.rows * self.row_height
        with matplotlib.rc_context(STYLE):
            figure = Figure(figsize=(WIDTH / UNIT, height / UNIT), dpi=DPI)
            axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
            axes.set_axis_off()
            axes.add_collection(LineCollection(self.rules(), colors=INK, alpha=0.15, linewidths=1))
            drawn = LineCollection(
                [],
                colors=self.colors(),
                linewidths=1.3,
                alpha=0.85,
                rasterized=self.curves[0].numel() > MOST_POINTS,  # of an SVG, or it takes megabytes
            )
            axes.add_collection(drawn)
            for x, y, text, scale in self.texts():
                axes.text(x, y, text, color=INK, ha="right" if scale else "center", va="center")
        return figure, drawn

    def colors(self) -> list[Any]:
        """Return the colour of each curve."""
        if self.together:
            shades = sequential()(torch.linspace(0, 1, self.columns).tolist())
            return [*shades] * self.rows
        return [*class_colors(self.channels)] * (self.rows * self.columns)

    def across(self) -> Tensor:
        """Return where the values of a curve of each column stand, ``(columns, L)``."""
        if self.together:
            step = (WIDTH - MARGIN) / self.length
            shift = torch.arange(self.length) + 0.5 if self.length > 1 else torch.tensor([0.3, 0.7])
            return (MARGIN + step * shift).expand(self.columns, -1)
        width = (WIDTH - LEFT) / self.per_line
        left = LEFT + width * (torch.arange(self.columns) % self.per_line)
        return left[:, None] + width * torch.linspace(0.05, 0.95, max(2, self.length))

    def places(self) -> Any:
        """Return the points of each curve in each frame, ``(T, curves, L, 2)``."""
        share = (self.curves - self.low) / (self.high - self.low).clamp_min(1e-12)
        top = self.row_height * torch.arange(self.rows)[:, None, None, None]
        inside = PANEL - FOOT - 12 if self.together else CELL - 12
        line = torch.arange(self.columns)[:, None, None] // self.per_line
        y = top + CELL * line + 6 + inside * (1 - share)
        x = self.across()[:, None].expand(y.shape)
        return torch.stack([x, y], -1).flatten(1, 3).numpy()

    def rules(self) -> list[list[tuple[float, float]]]:
        """Return the lines that part the cells, or on which the values of vectors stand."""
        height, found = self.rows * self.row_height, []
        for i in range(self.rows * self.lines + 1):
            y = i * self.row_height / self.lines
            found.append([(0.0 if i % self.lines == 0 else LEFT, y), (WIDTH, y)])
        if self.together:
            tops = [self.row_height * i for i in range(self.rows)]
            axis = self.across()[0].tolist()
            return found + [[(x, t + 4), (x, t + PANEL - FOOT - 4)] for t in tops for x in axis]
        places = [LEFT + (WIDTH - LEFT) * i / self.per_line for i in range(self.per_line)]
        return found + [[(x, 0), (x, height)] for x in places]

    def texts(self) -> list[Text]:
        """Return the numbers of values below a panel, or the ends of the scale beside each row."""
        tops = [self.row_height * i for i in range(self.rows)]
        if self.together:
            axis = list(enumerate(self.across()[0, : self.length].tolist()))
            return [Text(x, t + PANEL - FOOT / 2 - 2, str(d)) for t in tops for d, x in axis]
        low, high = f"{self.low.item():.3g}", f"{self.high.item():.3g}"
        ends = [(10, high), (CELL - 10, low)]
        return [Text(LEFT - 5, top + y, text, True) for top in tops for y, text in ends]
