"""The named fields of a batch, and values that are returned by name or alone."""

__all__ = ["Fields", "columns", "means_of", "one_or_all", "own", "pieces", "values_of"]

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from vae.draws import Draws
from vae.trace import Latent


class Fields(dict[str, Tensor]):
    """The known fields of a batch, which says what is to be done about one that is not."""

    def __missing__(self, name: str) -> Tensor:
        known = ", ".join(self) or "none"
        raise ValueError(
            f"the model reads {name}, and the fields that are known here are {known}: give it, or "
            "let the model read it inside q"
        )


def columns(value: Tensor, b: slice) -> Tensor:
    """Return the values ``(K, B, ...)`` of some examples; those ``(K, 1, ...)`` are of all."""
    return value if value.shape[1] == 1 else value[:, b]


def own(latents: Mapping[str, Latent]) -> Mapping[str, Latent]:
    """Return the latents that each example has for itself; all, where there are none."""
    return {name: latent for name, latent in latents.items() if not latent.shared} or latents


def one_or_all(values: Mapping[str, Any]) -> Any:
    """Return the only value, or all by name."""
    return next(iter(values.values())) if len(values) == 1 else dict(values)


def means_of(draws: Draws, n: int) -> dict[str, Tensor]:
    """Return the means of the likelihoods of the first sample, ``(n, *event)``."""
    return {
        name: rows(variable.px.mean, n, variable.px.event_shape)
        for name, variable in draws.observed.items()
    }


def values_of(draws: Draws, n: int, *, noise: bool) -> dict[str, Tensor]:
    """Return values of the observed variables, ``(n, *event)``.

    Those that the model went on with, given or drawn, are these. The others are the means of the
    likelihoods, or draws from them.
    """
    values = {}
    for name, variable in draws.observed.items():
        px = variable.px
        if variable.x is not None:
            value = variable.x
        elif not noise:
            value = px.mean
        else:
            value = px.sample((n,)) if px.batch_shape.numel() == 1 else px.sample()
            value = value.reshape(-1, n, *px.event_shape)
        values[name] = rows(value, n, px.event_shape)
    return values


def rows(value: Tensor, n: int, event: Sequence[int]) -> Tensor:
    """Return ``(n, *event)`` of ``(n, *event)`` or of ``(K, n, *event)``, whose first it is."""
    one = value if value.dim() == 1 + len(event) else value[0]
    return one.expand(n, *event)


def pieces(n: int, size: int) -> Iterator[slice]:
    """Yield the places of ``n`` rows, at most ``size`` at a time."""
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
