"""Where the values of a function stand, as nets see it."""

__all__ = ["FieldPositions", "GridPositions", "positions_of"]

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from vae.from_data import StartsFromField
from vae.spec import DataSpec


@final
class GridPositions(nn.Module):
    """The places of a signal, a picture or a vector: from −1 to 1 on each axis.

    Args:
        size: How many places each axis has, ≥ 1.

    Example:
        >>> GridPositions((2, 3)).grid[0]
        tensor([-1., -1.])
    """

    grid: Tensor

    def __init__(self, size: Sequence[int]) -> None:
        super().__init__()
        axes = [torch.linspace(-1, 1, n) if n > 1 else torch.zeros(1) for n in size]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, n: int) -> Tensor:
        """Return the places of ``n`` functions, ``(n, M, D)``."""
        return self.grid.expand(n, -1, -1)


@final
class FieldPositions(nn.Module, StartsFromField):
    """Positions that come with each function, in units of their deviation about their mean.

    Args:
        dims: D, numbers of a position, ≥ 1.
    """

    field = "at"
    shift: Tensor
    scale: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(dims))
        self.register_buffer("scale", torch.ones(dims))

    def start_from(self, values: Tensor, mask: Tensor | None = None) -> None:
        """Take mean and deviation of the training data, ``(N, D, M)`` or ``(N, M)``.

        Of points that exist, by a mask ``(N, M)``.
        """
        columns = values.double().reshape(len(values), len(self.shift), -1).movedim(1, 0).flatten(1)
        if mask is not None:
            columns = columns[:, mask.flatten() != 0]
        self.shift = columns.mean(1).to(self.shift)
        self.scale = columns.std(1, correction=0).clamp_min(1e-12).to(self.scale)

    def forward(self, at: Tensor) -> Tensor:
        """Map ``(B, D, M)`` or ``(B, M)`` to ``(B, M, D)``."""
        dims = len(self.shift)
        if at.dim() == 2 and dims == 1:
            at = at.unsqueeze(1)
        if at.dim() != 3 or at.shape[1] != dims:
            raise ValueError(
                f"at must hold {dims} number{'s' * (dims > 1)} for each of M points, "
                f"(B, {dims}, M); got shape {tuple(at.shape)}"
            )
        return (at.mT - self.shift) / self.scale


def positions_of(spec: DataSpec) -> tuple[GridPositions | FieldPositions, int]:
    """Return where the values of data stand, and how many numbers a position has.

    Raises:
        ValueError: If there are not as many positions as places.
    """
    size = spec.shape[1:] or spec.shape
    if "at" not in spec.fields:
        return GridPositions(size), len(size)
    shape = tuple(spec.fields["at"]["shape"])
    if not 1 <= len(shape) <= 2 or shape[-1:] != size:
        raise ValueError(
            f"at must hold a position for each of the places {size} of x, (M,) or (D, M); data "
            f"{spec.name} have {shape}"
        )
    dims = shape[0] if len(shape) == 2 else 1
    return FieldPositions(dims), dims
