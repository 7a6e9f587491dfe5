"""Rows of examples that show what a model has learned, to be drawn by `render`."""

__all__ = ["interpolations", "most_used", "reconstructions", "samples", "traversals"]

import torch
from torch import Tensor

from vae.models import Model


@torch.no_grad()
def reconstructions(model: Model, x: Tensor) -> Tensor:
    """Return originals, the first row, above their reconstructions, ``(2, B, *event)``."""
    return torch.stack([x, model.reconstruct(x)])


@torch.no_grad()
def samples(
    model: Model, rows: int, columns: int, *, temperature: float = 1.0, seed: int = 0
) -> Tensor:
    """Return means of p(x|z) for prior draws from a fixed noise, ``(rows, columns, *event)``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        x = model.sample(rows * columns, temperature=temperature)
    return x.unflatten(0, (rows, columns))


@torch.no_grad()
def most_used(model: Model, x: Tensor, kl_per_dim: Tensor | None, count: int) -> list[int]:
    """Return the latent dimensions to traverse, the most used first.

    Args:
        model: In evaluation mode.
        x: Examples, ``(B, *event)``.
        kl_per_dim: KL of each latent dimension, ``(D,)``; where it does not split, ``None``, the
            variance over the examples of the posterior's centre stands for it.
        count: How many at most.
    """
    if kl_per_dim is None:
        # Of a one-hot variable the categories' variances count together.
        variance = model.embed(x).var(0)
        kl_per_dim = variance.reshape(len(variance), -1).sum(1)
    return kl_per_dim.argsort(descending=True)[:count].tolist()


@torch.no_grad()
def traversals(
    model: Model, x: Tensor, dims: list[int], *, steps: int = 9, reach: float = 2.5
) -> Tensor:
    """Return rows in which one latent dimension moves and the others stay.

    A real dimension moves over [−reach, reach]; a one-hot variable through its categories.

    Args:
        model: In evaluation mode.
        x: The example to start from, ``(*event,)``.
        dims: The latent dimensions to move, one row each.
        steps: Pictures per row; for one-hot variables at most the number of categories.
        reach: Greatest absolute value, in standard deviations of the standard normal.

    Returns:
        ``(len(dims), steps, *event)``.
    """
    z = model.embed(x[None])[0]
    if z.dim() == 1:
        values = torch.linspace(-reach, reach, steps, device=z.device, dtype=z.dtype)
    else:
        values = torch.eye(z.shape[-1], device=z.device, dtype=z.dtype)[:steps]
    paths = z.repeat(len(dims), len(values), *[1] * z.dim())
    for row, dim in enumerate(dims):
        paths[row, :, dim] = values
    return model.decode(paths).mean


@torch.no_grad()
def interpolations(model: Model, start: Tensor, end: Tensor, *, steps: int = 9) -> Tensor:
    """Return the decoded straight lines between the latents of pairs, ``(B, steps, *event)``.

    Args:
        model: In evaluation mode.
        start: First examples, ``(B, *event)``.
        end: Last examples, ``(B, *event)``.
        steps: Pictures per row, the ends included.
    """
    a, b = model.embed(start), model.embed(end)
    weights = torch.linspace(0, 1, steps, device=a.device, dtype=a.dtype)
    path = torch.stack([torch.lerp(a, b, w) for w in weights], 1)
    return model.decode(path).mean
