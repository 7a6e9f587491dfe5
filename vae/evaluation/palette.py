"""The colours of plots, legible on a light and on a dark ground."""

__all__ = ["CLASSES", "MOST_CLASSES", "class_colors", "class_legend", "sequential"]

from collections.abc import Sequence
from typing import Any

# Told apart by readers with each kind of colour blindness, and in grey.
CLASSES = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MOST_CLASSES = 2 * len(CLASSES)  # beyond, colours are no longer told apart
DARKER = 0.55
LONGEST = 24  # letters of a name


def class_colors(count: int) -> tuple[str, ...]:
    """Return a colour ``#rrggbb`` for each of some classes, at most `MOST_CLASSES` of them differ.

    Up to ten are apart from each other in hue and lightness; the next ten are darker shades of
    these. Beyond that they come again.

    References:
        Accessible Color Sequences for Data Visualization (Petroff, 2021), 2107.02270.
    """
    both = (*CLASSES, *(shade(color) for color in CLASSES))
    return tuple(both[i % len(both)] for i in range(count))


def class_legend(names: Sequence[str | int]) -> tuple[tuple[str, str], ...]:
    """Return name and colour of each class; nothing of one alone or of more than can differ."""
    if not 1 < len(names) <= MOST_CLASSES:
        return ()
    colors = class_colors(len(names))
    return tuple((shortened(name), color) for name, color in zip(names, colors, strict=True))


def shade(color: str) -> str:
    """Return a darker colour of the same hue."""
    parts = (round(DARKER * int(color[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)


def shortened(name: str | int) -> str:
    """Return a user's name on one line and of a bounded length."""
    words = " ".join(str(name).split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def sequential() -> Any:
    """Return the colour map of ordered values, without the ends that a ground would swallow."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"].resampled(256)(range(20, 236)))
