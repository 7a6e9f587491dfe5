"""What an evaluation draws: pixels, and the words that stand beside them."""

__all__ = ["Picture"]

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Picture:
    """A grid of examples, a movie or a plot, with its words apart from its pixels.

    A page sets the words as text, at whatever size its reader has chosen; a file that stands alone
    has them drawn into its margin.

    Args:
        pixels: uint8 ``(3, height, width)``, or ``(T, 3, height, width)`` if it moves. A grid has
            no text in it.
        rows: A label for each of the equally high rows; empty where rows need none.
        legend: Name and colour ``#rrggbb`` of each class that the picture tells apart.
        svg: The same plot as an SVG element, sharp at any size; ``None`` where pixels are all
            there is. Its ink is ``currentColor``, its ground is transparent.
        note: One sentence for the reader, set below the title.
        density: Pixels of it to one of a page, at its natural size.
    """

    pixels: Tensor
    rows: tuple[str, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    svg: str | None = None
    note: str = ""
    density: int = 1
