"""Samples of a conditional model: a row for each class, or for each quantile of a number."""

__all__ = ["Shelf", "conditions_of", "samples_by_condition"]

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vae.batch import Batch
from vae.evaluation.drawing.reconstructions import samples
from vae.models import VAE, Model
from vae.spec import DataSpec

MOST = 20  # classes that have a row
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Shelf(NamedTuple):
    """Rows of samples, ``(R, columns, *event)``, and what each was given."""

    rows: Tensor
    labels: list[str]


def conditions_of(model: Model) -> Sequence[str]:
    """Return the fields, besides x, that a model is given."""
    return model.given if isinstance(model, VAE) else model.learns_from


def samples_by_condition(
    model: Model,
    spec: DataSpec,
    batch: Batch,
    *,
    seed: int = 0,
    known: Mapping[str, Tensor] | None = None,
) -> dict[str, Shelf]:
    """Return samples by the name of each field that the model is given and that rows can show.

    A column has the same noise in all rows, so that with one prior for all it has the same z, and
    of the other fields the values of its example.

    Args:
        model: In evaluation mode.
        spec: Of the data.
        batch: What the model reads of an example for each column.
        seed: Of the noise.
        known: Fields of more examples, of which quantiles are taken; by default of these.
    """
    found = {}
    for name in conditions_of(model):
        old, rows = batch.get(name, torch.zeros(len(batch["x"]), dtype=torch.int64)), []
        values = dict(shown(spec, name, old if known is None else known[name]))
        for value in values.values():
            given = {**batch, name: torch.full_like(old, value)}
            rows.append(samples(model, 1, len(old), seed=seed, batch=given))
        if rows:
            found[name] = Shelf(torch.cat(rows), list(values))
    return found


def shown(spec: DataSpec, name: str, values: Tensor) -> Iterator[tuple[str, float]]:
    """Yield the values of a field that have a row, each with what it is called."""
    if name == "label" and spec.num_classes is not None:
        for label in range(min(MOST, spec.num_classes)):
            called = spec.class_name(label)
            yield (called if isinstance(called, str) else f"label {label}"), label
    elif values.dim() == 1 and values.is_floating_point():
        for share in QUANTILES:
            value = values.double().quantile(share).item()
            yield f"{name}\n{value:.4g}", value
