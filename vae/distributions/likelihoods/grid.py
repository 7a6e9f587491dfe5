"""The grid of L equally spaced values k/(L - 1) in [0, 1] that quantised data takes."""

__all__ = ["checked_levels", "to_index", "to_value"]

from torch import Tensor


def checked_levels(levels: int) -> int:
    """Return `levels`.

    Raises:
        ValueError: If there are fewer than two levels, or none because the data is continuous.
    """
    if not isinstance(levels, int) or levels < 2:
        raise ValueError(
            f"A likelihood on a grid needs levels >= 2, how many values the data takes; "
            f"got levels={levels}. For continuous data use likelihood=normal."
        )
    return levels


def to_index(x: Tensor, levels: int) -> Tensor:
    """Return the index k, as a float, of the grid value nearest to `x`."""
    return (x * (levels - 1)).round()


def to_value(index: Tensor, levels: int) -> Tensor:
    """Return the grid value k/(L - 1) of a float index k."""
    return index / (levels - 1)
