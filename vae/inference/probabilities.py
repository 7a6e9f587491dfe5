"""The probabilities of discrete latents, as tables with a column for each value."""

__all__ = ["probability_rows", "probability_tables"]

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from vae.inference.states import States

MOST_VALUES = 12  # that are told one by one, the most probable ones
MOST_ROWS = 100


def probability_tables(states: States) -> dict[str, list[dict[str, Any]]]:
    """Return tables by title, one for all latents of the same values.

    Of a one-hot latent the values are the numbers of its categories.
    """
    alike: dict[tuple[int, ...], dict[str, Tensor]] = {}
    for name, p in states.probabilities.items():
        alike.setdefault(tuple(states.numbers(name)), {})[name] = p
    return {
        f"probabilities of {', '.join(found)}": probability_rows(values, found)[:MOST_ROWS]
        for values, found in alike.items()
    }


def probability_rows(values: Sequence[int], latents: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Return a row for each coordinate of latents, with the probability of each value.

    Args:
        values: C of them.
        latents: Probabilities, ``(*shape, C)`` by name.
    """
    every = torch.cat([p.reshape(-1, len(values)) for p in latents.values()])
    places = every.mean(0).argsort(descending=True)[:MOST_VALUES].sort().values.tolist()
    rest = {"others": 1 - every[:, places].sum(1)} if len(places) < len(values) else {}
    names = [
        f"{name}[{','.join(map(str, place))}]" if place else name
        for name, p in latents.items()
        for place in product(*map(range, p.shape[:-1]))
    ]
    columns = {str(values[i]): every[:, i] for i in places} | rest
    return [
        {"latent": name, **{value: column[i].item() for value, column in columns.items()}}
        for i, name in enumerate(names)
    ]
