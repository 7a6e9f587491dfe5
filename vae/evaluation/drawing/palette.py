"""The colours of plots, legible on a light and on a dark ground."""

__all__ = [
    "CLASSES",
    "LONGEST",
    "MOST_CLASSES",
    "class_colors",
    "class_legend",
    "sequential",
    "shortened",
]

from collections.abc import Sequence
from typing import Any

# Petroff's ten, for readers with each kind of colour blindness, but a green in place of one of two
# greys, which small points do not tell apart, and a darker brown.
CLASSES = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#2f9e44", "#832db6"),
    *("#8a5a44", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MOST_CLASSES = 2 * len(CLASSES)  # beyond, colours are no longer told apart
LUMA = (0.299, 0.587, 0.114)
AWAY = 0.42  # from a colour to black or white, for the second of its hue
LONGEST = 24  # letters of a name
IN_LEGEND = 100  # letters of a name in a legend, which a page breaks


def class_colors(count: int) -> tuple[str, ...]:
    """Return a colour ``#rrggbb`` for each of some classes, at most `MOST_CLASSES` of them differ.

    Up to ten are apart from each other in hue and lightness; the next ten are lighter or
    darker ones of the same hues. Beyond that they come again.

    References:
        Accessible Color Sequences for Data Visualization (Petroff, 2021), 2107.02270.
    """
    both = (*CLASSES, *(other(color) for color in CLASSES))
    return tuple(both[i % len(both)] for i in range(count))


def class_legend(names: Sequence[str | int]) -> tuple[tuple[str, str], ...]:
    """Return name and colour of each class; nothing of one alone or of more than can differ."""
    if not 1 < len(names) <= MOST_CLASSES:
        return ()
    colors = class_colors(len(names))
    return tuple(
        (shortened(name, IN_LEGEND), color) for name, color in zip(names, colors, strict=True)
    )


def other(color: str) -> str:
    """Return a second colour of the same hue: darker than a light one, lighter than a dark one."""
    parts = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    light = sum(w * part for w, part in zip(LUMA, parts, strict=True)) > 127
    moved = [part + AWAY * ((0 if light else 255) - part) for part in parts]
    return "#" + "".join(f"{round(part):02x}" for part in moved)


def shortened(name: str | int, longest: int = LONGEST) -> str:
    """Return a user's name on one line and of a bounded length, with its beginning and its end."""
    # XML has no place for control characters and halves of pairs, which names of files may hold.
    words = "".join(c if c.isprintable() else "�" for c in " ".join(str(name).split()))
    if len(words) <= longest:
        return words
    return f"{words[: longest // 2]}…{words[len(words) - (longest - 1) // 2 :]}"


def sequential() -> Any:
    """Return the colour map of ordered values, without the ends that a ground would swallow."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"].resampled(256)(range(80, 230)))
