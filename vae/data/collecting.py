"""From loaders to examples in memory, on which a model is evaluated."""

__all__ = ["collect"]

from collections.abc import Iterable
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from vae.checks import check_int
from vae.data.batch_names import Names, named
from vae.data.data_module import DataModule
from vae.data.memory import Memory

NAME = "collected"


def collect(
    train: Iterable[Any],
    val: Iterable[Any] | None = None,
    test: Iterable[Any] | None = None,
    *,
    fields: Names = None,
    max_examples: int | None = None,
    support: str | None = None,
    name: str = NAME,
    **settings: Any,
) -> DataModule:
    """Read the batches of loaders once, and keep their examples as data to evaluate on.

    Args:
        train: A loader of batches, or any iterable of them.
        val: The same of validation examples; ``None`` takes some of the training ones.
        test: The same of test examples.
        fields: Which entry of a batch is which field; see `named`.
        max_examples: Of each loader only so many, ≥ 1; ``None`` means all.
        support: Where the values lie; see `Memory`.
        name: What reports call the data.
        settings: Further arguments of `DataModule`.

    Raises:
        TypeError: If a batch holds something else than tensors.
        ValueError: If a loader gives nothing, or examples of other shapes.

    Example:
        >>> data = collect([torch.zeros(8, 3), torch.ones(8, 3)], support="real")
        >>> len(data.examples("train")["x"]), data.spec.shape
        (14, (3,))
    """
    check_int("max_examples", max_examples, optional=True)
    given = {"train": train, "val": val, "test": test}
    parts = {
        part: joined(part, loader, fields, max_examples)
        for part, loader in given.items()
        if loader is not None
    }
    source = Memory(
        parts["train"], val=parts.get("val"), test=parts.get("test"), support=support, name=name
    )
    return DataModule(source, **settings)


def joined(part: str, loader: Iterable[Any], fields: Names, most: int | None) -> dict[str, Tensor]:
    """Return the fields of the first examples of a loader."""
    found: list[dict[str, Tensor]] = []
    count = 0
    with torch.random.fork_rng(devices=[]):  # a shuffled loader draws its order
        for batch in loader:
            found.append({name: value.cpu() for name, value in named(batch, fields).items()})
            count += len(found[-1]["x"])
            if most is not None and count >= most:
                break
    names = set(chain.from_iterable(found))
    if not found or any(set(batch) != names for batch in found):
        raise ValueError(
            f"the loader {part} must give batches that all hold the same fields; got "
            f"{', '.join(sorted(names)) or 'none'}"
        )
    shapes = {tuple((name, *value.shape[1:]) for name, value in batch.items()) for batch in found}
    if len(shapes) > 1:
        raise ValueError(f"the loader {part} must give examples of one shape; got {shapes}")
    return {name: torch.cat([batch[name] for batch in found])[:most] for name in found[0]}
