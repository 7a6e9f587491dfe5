"""Rows of examples that show what a model has learned, to be drawn by `render`.

They are as the nets see them, standardised where the model does that: on one scale.
"""

__all__ = ["decoded", "reconstructions", "samples"]

import torch
from torch import Tensor

from vae.models import Model


@torch.no_grad()
def reconstructions(model: Model, x: Tensor) -> Tensor:
    """Return originals, the first row, above their reconstructions, ``(2, B, *event)``."""
    return model.standardized(torch.stack([x, model.reconstruct(x)]))


@torch.no_grad()
def samples(
    model: Model, rows: int, columns: int, *, temperature: float = 1.0, seed: int = 0
) -> Tensor:
    """Return means of p(x|z) for prior draws from a fixed noise, ``(rows, columns, *event)``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        x = model.sample(rows * columns, temperature=temperature)
    return model.standardized(x).unflatten(0, (rows, columns))


@torch.no_grad()
def decoded(model: Model, paths: Tensor, lead: int, *, max_rows: int = 4096) -> Tensor:
    """Return the means of p(x|z) on some paths, ``(*lead, *event)``.

    Args:
        model: In evaluation mode.
        paths: ``(*lead, *latent)``.
        lead: How many dimensions ``*lead`` are, at least 1.
        max_rows: How many latents are decoded at once.
    """
    parts = paths.flatten(0, lead - 1).split(max_rows)
    x = torch.cat([model.standardized(model.decode(z).mean) for z in parts])
    return x.unflatten(0, paths.shape[:lead])
