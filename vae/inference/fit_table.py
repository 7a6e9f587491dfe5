"""A fitted posterior, or chains from it, as a short table."""

__all__ = ["chain_rows", "latent_rows", "text_of_states", "text_table"]

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from torch import Tensor

from vae.inference.probabilities import probability_tables
from vae.inference.states import States

QUANTILES = (0.05, 0.5, 0.95)
HEAD = ("", "mean", "sd", *(f"{q:.0%}" for q in QUANTILES))
MOST = 20  # coordinates that are listed


def latent_rows(draws: Mapping[str, Tensor]) -> list[tuple[str, ...]]:
    """Return mean, standard deviation and quantiles of each coordinate, ``(n, *shape)`` by name."""
    rows: list[tuple[str, ...]] = []
    for name, values in draws.items():
        for place in product(*map(range, values.shape[1:])):
            if len(rows) == MOST:
                left = sum(v[0].numel() for v in draws.values()) - MOST
                return [*rows, (f"and {left} more", *[""] * (len(HEAD) - 1))]
            label = f"{name}[{','.join(map(str, place))}]" if place else name
            index: tuple[Any, ...] = (slice(None), *place)
            one = values[index].double()
            told = [one.mean(), one.std(), *(one.quantile(q) for q in QUANTILES)]
            rows.append((label, *(f"{float(value):.4g}" for value in told)))
    return rows


def chain_rows(columns: Mapping[str, Mapping[str, Tensor]]) -> list[tuple[str, ...]]:
    """Return the figures of each coordinate.

    Args:
        columns: Of each figure its values by the latent's name, ``shape``.
    """
    rows: list[tuple[str, ...]] = []
    first = next(iter(columns.values()))
    for name, value in first.items():
        for place in product(*map(range, value.shape)):
            if len(rows) == MOST:
                left = sum(v.numel() for v in first.values()) - MOST
                return [*rows, (f"and {left} more", *[""] * len(columns))]
            label = f"{name}[{','.join(map(str, place))}]" if place else name
            rows.append(
                (label, *(f"{float(found[name][place]):.4g}" for found in columns.values()))
            )
    return rows


def text_table(rows: Sequence[Sequence[str]], head: Sequence[str] = HEAD) -> str:
    """Return rows under their head, the first column to the left and the others to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for row in lines
    )


def text_of_states(states: States) -> list[str]:
    """Return the probabilities of discrete latents as tables."""
    found = []
    for rows in probability_tables(states).values():
        cells = [[row["latent"], *(f"{p:.3f}" for p in list(row.values())[1:])] for row in rows]
        if len(cells) > MOST:
            cells[MOST:] = [[f"and {len(cells) - MOST} more", *[""] * (len(cells[0]) - 1)]]
        found.append(text_table(cells, ["", *list(rows[0])[1:]]))
    return found
