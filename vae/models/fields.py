"""The named fields of a batch, and values that are returned by name or alone."""

__all__ = ["Fields", "columns", "count_rows", "one_or_all", "values_of"]

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vae.batch import Batch
from vae.draws import Draws


class Fields(dict[str, Tensor]):
    """The known fields of a batch, which says what is to be done about one that is not."""

    def __missing__(self, name: str) -> Tensor:
        known = ", ".join(self) or "none"
        raise ValueError(
            f"the model reads {name}, and the fields that are known here are {known}: give it, or "
            "let the model read it inside q"
        )


def count_rows(batch: Batch) -> int:
    """Return how many examples a batch has."""
    return len(next(iter(batch.values())))


def columns(value: Tensor, b: slice) -> Tensor:
    """Return the values ``(K, B, ...)`` of some examples; those ``(K, 1, ...)`` are of all."""
    return value if value.shape[1] == 1 else value[:, b]


def one_or_all(values: Mapping[str, Any]) -> Any:
    """Return the only value, or all by name."""
    return next(iter(values.values())) if len(values) == 1 else dict(values)


def values_of(draws: Draws, *, noise: bool = False) -> dict[str, Tensor]:
    """Return the means of the first sample's likelihoods, or draws from them, ``(B, *event)``.

    A value that was drawn in the run, and that the model went on with, is that draw.
    """
    values = {}
    for name, variable in draws.observed.items():
        if not noise:
            value = variable.px.mean
        else:
            value = variable.px.sample() if variable.x is None else variable.x
        values[name] = value[0]
    return values
