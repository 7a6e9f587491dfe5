"""Sequences of pictures ``(T, C, H, W)``: as strips of frames, or as movies."""

__all__ = ["as_frames", "strips"]

from collections.abc import Sequence

import torch
from torch import Tensor

FRAMES = 12  # of a strip
SHOWN = 3  # sequences, one below the other


def strips(rows: Tensor, labels: Sequence[str] = ()) -> tuple[Tensor, list[str]]:
    """Return rows of sequences as rows of frames: the first sequence of each row, then the next.

    Args:
        rows: ``(rows, columns, T, C, H, W)``.
        labels: Of each row.

    Returns:
        ``(up to 3 · rows, up to 12, C, H, W)``, frames evenly spaced in time, and a label for each.

    Example:
        >>> frames, labels = strips(torch.zeros(2, 5, 24, 1, 8, 8), ["data", "samples"])
        >>> frames.shape[:2], labels
        (torch.Size([6, 12]), ['data', 'samples', 'data', 'samples', 'data', 'samples'])
    """
    steps = rows.shape[2]
    count = min(steps, FRAMES)
    places = torch.linspace(0, steps - 1, count, dtype=torch.float64).round().long()
    chosen = rows[:, :SHOWN, places.to(rows.device)].transpose(0, 1)
    return chosen.flatten(0, 1), [*labels] * len(chosen)


def as_frames(rows: Tensor, *, moving: bool) -> Tensor:
    """Return rows of sequences as pictures of a movie, ``(T, rows, columns, C, H, W)``.

    Args:
        rows: ``(rows, columns, T, C, H, W)``; ``(M, rows, columns, T, C, H, W)`` of a movie of
            them already, of which the last frame of each is taken.
        moving: Whether it is one.
    """
    return rows[:, :, :, -1] if moving else rows.movedim(2, 0)
