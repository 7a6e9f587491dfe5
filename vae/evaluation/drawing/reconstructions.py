"""Rows of examples that show what a model has learned, to be drawn by `render`.

They are as the nets see them, standardised where the model does that: on one scale.
"""

__all__ = ["decoded", "reconstructions", "samples"]

import torch
from torch import Tensor

from vae.batch import Batch
from vae.evaluation.measures.named import Latents, given_of, mean_of_x, some, the_x
from vae.models import Model
from vae.models.fields import pieces


@torch.no_grad()
def reconstructions(model: Model, batch: Batch | Tensor) -> Tensor:
    """Return originals, the first row, above their reconstructions, ``(2, B, *event)``.

    Args:
        model: In evaluation mode.
        batch: What it reads of the examples, or x.
    """
    x = batch if isinstance(batch, Tensor) else batch["x"]
    return model.standardized(torch.stack([x, the_x(model.reconstruct(batch))]))


@torch.no_grad()
def samples(
    model: Model,
    rows: int,
    columns: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    batch: Batch | None = None,
) -> Tensor:
    """Return means of p(x|z) for prior draws from a fixed noise, ``(rows, columns, *event)``.

    Args:
        model: In evaluation mode.
        rows: How many.
        columns: How many samples in each.
        temperature: Of the prior.
        seed: Of the noise.
        batch: An example for each column, of whose other fields the samples are, such as its label.
    """
    fields = {} if batch is None else given_of(model, batch)
    given = {name: value.repeat(rows, *[1] * (value.dim() - 1)) for name, value in fields.items()}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        x = the_x(model.sample(rows * columns, given=given, temperature=temperature))
    return model.standardized(x).unflatten(0, (rows, columns))


@torch.no_grad()
def decoded(
    model: Model,
    paths: Latents,
    lead: int,
    *,
    max_rows: int = 4096,
    given: Batch | None = None,
) -> Tensor:
    """Return the means of p(x|z) on some paths, ``(*lead, *event)``.

    Args:
        model: In evaluation mode.
        paths: ``(*lead, *latent)``, of several latents by name; of those that stay
            ``(*ones, *latent)``.
        lead: How many dimensions ``*lead`` are, at least 1.
        max_rows: How many latents are decoded at once.
        given: What else the model reads, ``(*lead, ...)``.
    """
    named = {"": paths} if isinstance(paths, Tensor) else paths
    shape = torch.broadcast_shapes(*(value.shape[:lead] for value in named.values()))
    found = []
    for b in pieces(shape.numel(), max_rows):
        z = {name: some(value.flatten(0, lead - 1), b) for name, value in named.items()}
        fields = {
            name: some(value.flatten(0, lead - 1), b) for name, value in (given or {}).items()
        }
        x = mean_of_x(model, z[""] if isinstance(paths, Tensor) else z, fields)
        found.append(model.standardized(x))
    return torch.cat(found).unflatten(0, shape)
