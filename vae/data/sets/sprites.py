"""Sprites: 737,280 pictures with known factors, made on the fly in the manner of dSprites."""

__all__ = ["SpriteExamples", "Sprites"]

from math import prod
from typing import final

import numpy as np
import torch
from torch import Tensor

from vae.checks import check_bool, check_int
from vae.data.randomness import permutation
from vae.data.sets.templates import SIDE, render_templates
from vae.data.source import Examples, Source, Splits
from vae.spec import DataSpec

FACTOR_NAMES = ("shape", "scale", "orientation", "posX", "posY")
FACTOR_SIZES = (3, 6, 40, 32, 32)
HUES = (
    (255, 64, 64),
    (255, 192, 32),
    (96, 224, 64),
    (48, 208, 224),
    (80, 112, 255),
    (224, 80, 224),
)


@final
class SpriteExamples(Examples):
    """Sprites at given places of the factor grid.

    A position is a whole number of pixels, so each picture is a 64×64 window of one of 720
    templates of 95×95: the whole set takes 6.5 MB.

    Args:
        templates: ``(720, 95, 95)`` uint8, by shape, scale and orientation.
        grid: ``(N,)`` int64, row-major numbers of the factor combinations.
        hues: ``(H, 3)`` uint8 colours, or ``None`` for one channel.
    """

    def __init__(self, templates: Tensor, grid: Tensor, hues: Tensor | None = None) -> None:
        self.templates = templates
        self.grid = grid
        self.hues = hues
        self.sizes = FACTOR_SIZES if hues is None else (len(hues), *FACTOR_SIZES)
        self.labels: Tensor | None = grid // prod(FACTOR_SIZES[1:]) % FACTOR_SIZES[0]

    @property
    def factors(self) -> Tensor:
        """``(N, F)`` int64: shape, scale, orientation, posX, posY, after colour if there is one."""
        return torch.stack(torch.unravel_index(self.grid, self.sizes), dim=1)

    @property
    def rows(self) -> Tensor:
        """``(N,)`` int64: the numbers of the combinations, whatever ``size`` is."""
        return self.grid

    @property
    def device(self) -> torch.device:
        """Where the templates are."""
        return self.templates.device

    @property
    def num_bytes(self) -> int:
        """How much memory templates and grid numbers take."""
        return self.templates.nbytes + 2 * self.grid.nbytes

    def __len__(self) -> int:
        return len(self.grid)

    def take(self, indices: Tensor) -> Tensor:
        """Return ``(B, 1 or 3, 64, 64)`` uint8 pictures at ``indices`` ``(B,)``."""
        place = self.grid[indices]
        template = place // 1024 % len(self.templates)
        x, y = place // 32 % 32, place % 32
        # A sprite moves right as the window moves left.
        masks = _windows(self.templates, template, 31 - y, 31 - x).unsqueeze(1)
        if self.hues is None:
            return masks
        hue = (self.hues.float() / 255)[place // prod(FACTOR_SIZES)].view(-1, 3, 1, 1)
        return (masks * hue).round_().to(torch.uint8)

    def subset(self, indices: Tensor) -> "SpriteExamples":
        """Return the sprites at ``indices`` ``(M,)``."""
        chosen = SpriteExamples(self.templates, self.grid[indices], self.hues)
        chosen.labels = None if self.labels is None else self.labels[indices]
        return chosen

    def to(self, device: torch.device) -> "SpriteExamples":
        """Return the same sprites, made on ``device``."""
        hues = None if self.hues is None else self.hues.to(device)
        moved = SpriteExamples(self.templates.to(device), self.grid.to(device), hues)
        moved.labels = None if self.labels is None else self.labels.to(device)  # some may be hidden
        return moved


def _windows(templates: Tensor, template: Tensor, top: Tensor, left: Tensor) -> Tensor:
    if templates.device.type != "cpu":
        return templates.unfold(1, SIDE, 1).unfold(2, SIDE, 1)[template, top, left]
    # numpy copies whole rows where torch copies single bytes: 62 against 514 µs for 128 pictures.
    windows = np.lib.stride_tricks.sliding_window_view(templates.numpy(), (SIDE, SIDE), axis=(1, 2))
    return torch.from_numpy(windows[template.numpy(), top.numpy(), left.numpy()])


@final
class Sprites(Source):
    """White (or coloured) squares, ellipses and hearts on black, 64×64, labelled by shape.

    Factors, in order: shape (3), scale (6, from ½ to 1), orientation (40), posX (32), posY (32).
    Unlike dSprites, whose last orientation repeats the first, the angles are 2πk/40, k = 0…39, and
    a step of position is one whole pixel.

    Args:
        size: How many of the 737,280 combinations (× 6 with colour), drawn at random; ``None``
            means all.
        antialias: Grey edges (256 levels) instead of binary pictures.
        color: Three channels and six hues, which become the first factor.
        seed: Which combinations are drawn.

    Raises:
        ValueError: If ``size`` is below 1 or exceeds the grid.

    References:
        dSprites: Disentanglement testing sprites dataset (Matthey, Higgins, Hassabis, Lerchner,
        2017).
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        antialias: bool = False,
        color: bool = False,
        seed: int = 0,
    ) -> None:
        check_bool("data.antialias", antialias)
        check_bool("data.color", color)
        check_int("data.split_seed", seed, low=0)
        self.total = prod(FACTOR_SIZES) * (len(HUES) if color else 1)
        if size is not None:
            check_int("data.size", size)
            if size > self.total:
                raise ValueError(
                    f"data.size={size} exceeds the grid of {self.total} sprites; "
                    "use data.size=null for all of them."
                )
        self.size = size
        self.antialias = antialias
        self.color = color
        self.seed = seed

    @property
    def spec(self) -> DataSpec:
        """Shape and range of the pictures, and the names and sizes of the factors."""
        grey = self.antialias or self.color
        return DataSpec(
            name="sprites_color" if self.color else "sprites_gray" if grey else "sprites",
            shape=(3 if self.color else 1, SIDE, SIDE),
            support="unit_interval" if grey else "boolean",
            levels=256 if grey else 2,
            num_classes=FACTOR_SIZES[0],
            factor_names=("color", *FACTOR_NAMES) if self.color else FACTOR_NAMES,
            factor_sizes=(len(HUES), *FACTOR_SIZES) if self.color else FACTOR_SIZES,
        )

    def prepare(self) -> None:
        """Do nothing: sprites need no files."""

    def load(self) -> Splits:
        """Draw the templates and choose the combinations."""
        coverage = render_templates(FACTOR_SIZES[:3])
        if self.antialias:
            templates = (coverage * 255).round().to(torch.uint8)
        else:
            templates = (coverage >= 0.5).to(torch.uint8) * (255 if self.color else 1)
        if self.size is None:
            grid = torch.arange(self.total)
        else:
            grid = permutation(self.total, self.seed)[: self.size]
        hues = torch.tensor(HUES, dtype=torch.uint8) if self.color else None
        return Splits(SpriteExamples(templates, grid, hues))
