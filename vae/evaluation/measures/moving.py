"""Pictures of one latent variable that moves while all others stay."""

__all__ = ["Variable", "most_used", "moved", "starts_of", "values_of"]

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vae.batch import Batch
from vae.evaluation.drawing.reconstructions import decoded
from vae.evaluation.drawing.walks import traverse
from vae.evaluation.measures.named import given_of
from vae.evaluation.measures.variables import Variables
from vae.evaluation.section import NotApplicable
from vae.models import Model

Variable = tuple[str, int]  # a latent and a number in it


def most_used(latents: Mapping[str, Variables], count: int) -> list[Variable]:
    """Return the ``count`` most used variables that can move, or all, the most used first.

    Raises:
        NotApplicable: If no latent is one of each example, or none has coordinates that move alone.
    """
    if not latents:
        raise NotApplicable("all examples share the latents of this model: none has its own")
    latents = {name: one for name, one in latents.items() if not one.tied}
    if not latents:
        raise NotApplicable(
            "a traversal moves one coordinate alone, which those of unit vectors and of shares of "
            "a whole cannot"
        )
    every = [(name, dim) for name, one in latents.items() for dim in range(len(one.usage))]
    usage = torch.cat([one.usage for one in latents.values()])
    return [every[i] for i in usage.argsort(descending=True)[:count].tolist()]


def values_of(
    latents: Mapping[str, Variables],
    chosen: Sequence[Variable],
    steps: int,
    *,
    tail: float = 0.01,
    within: str = "prior",
) -> list[Tensor]:
    """Return where each variable goes, ``(steps,)`` or ``(steps, C)``; see `Variables.values`."""
    found: dict[Variable, Tensor] = {}
    for name in dict(chosen):
        dims = [dim for latent, dim in chosen if latent == name]
        of_all = latents[name].values(dims, steps, tail=tail, within=within)
        found |= {(name, dim): of_all[:, i] for i, dim in enumerate(dims)}
    return [found[variable] for variable in chosen]


@torch.no_grad()
def starts_of(
    model: Model, batch: Batch, latents: Mapping[str, Variables]
) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """Return for each example its centres by name, ``(*latent)``, and its fields besides x."""
    found = model.embed(batch)
    centers = found if isinstance(found, Mapping) else {next(iter(latents)): found}
    given = given_of(model, batch)
    return [
        (
            {name: z[i if len(z) > 1 else 0] for name, z in centers.items()},
            {name: value[i] for name, value in given.items()},
        )
        for i in range(len(batch["x"]))
    ]


def moved(
    model: Model,
    start: tuple[Mapping[str, Tensor], Batch],
    chosen: Sequence[Variable],
    values: Sequence[Tensor],
    *,
    max_rows: int = 4096,
) -> Tensor:
    """Return the means of p(x|z) as one variable after another moves, ``(rows, steps, *event)``.

    Args:
        model: In evaluation mode.
        start: What stays; see `starts_of`.
        chosen: The variables, a row each.
        values: Where each goes, ``(steps,)``, ``(steps, C)`` of a one-hot one; one that takes fewer
            values than others stays at its last.
        max_rows: How many latents are decoded at once.
    """
    centers, fields = start
    steps = max(len(value) for value in values)
    lead = (len(chosen), steps)
    paths = {name: z.repeat(*lead, *[1] * z.dim()) for name, z in centers.items()}
    for row, ((name, dim), value) in enumerate(zip(chosen, values, strict=True)):
        path = traverse(centers[name], [dim], value.unsqueeze(1))[0]
        paths[name][row] = torch.cat([path, path[-1:].expand(steps - len(path), *path.shape[1:])])
    given = {name: value.expand(*lead, *value.shape) for name, value in fields.items()}
    latents = paths if len(paths) > 1 else next(iter(paths.values()))
    return decoded(model, latents, 2, max_rows=max_rows, given=given)
