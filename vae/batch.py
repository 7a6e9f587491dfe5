"""A batch: some examples as named fields, from the data to the model."""

__all__ = [
    "DTYPES",
    "UNLABELLED",
    "Batch",
    "blank",
    "check_fields",
    "known_values",
    "of_steps",
    "within",
    "without_padding",
]

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor

from vae.spec import DataSpec

# "x" (B, *shape); "index" (B,) int64, where an example stands in its source; "label" (B,) int64 and
# "factors" (B, F) int64 of data that have them; "length" (B,) int64, how many steps of sequences
# (B, T, *event) are valid; and whatever else a source knows of each example, such as "mask".
Batch = Mapping[str, Tensor]
UNLABELLED = -1  # in "label" of a training example whose label is not known
DTYPES = {  # of further fields
    "bool": torch.bool,
    "uint8": torch.uint8,
    "int64": torch.int64,
    "float32": torch.float32,
}


def blank(spec: DataSpec, fields: Iterable[str] = ("x",), n: int = 2) -> dict[str, Tensor]:
    """Return a batch of ``n`` examples without content, to try out what reads such data.

    All values are zero, but ``index`` is 0…n−1, a mask (any field of truth values, or so called)
    is true, and sequences have their whole ``length``.

    Raises:
        ValueError: If the data have no such field.
    """
    known = {
        "x": (spec.shape, torch.float32),
        "index": ((), torch.int64),
        **({} if spec.num_classes is None else {"label": ((), torch.int64)}),
        **({"factors": ((len(spec.factor_names),), torch.int64)} if spec.factor_names else {}),
        **{name: (kind["shape"], DTYPES[kind["dtype"]]) for name, kind in spec.fields.items()},
    }
    names = tuple(fields)
    check_fields(names, known, spec.name)
    batch = {name: torch.zeros(n, *known[name][0], dtype=known[name][1]) for name in names}
    for name, value in batch.items():
        if name == "mask" or value.dtype == torch.bool:
            value.fill_(1)
        elif name == "length" and spec.of_sequences:
            value.fill_(spec.shape[0])
    return batch | ({"index": torch.arange(n)} if "index" in batch else {})


def check_fields(fields: Iterable[str], known: Collection[str], name: str) -> None:
    """Refuse fields that data do not have.

    Args:
        fields: What is to be read of each example.
        known: What the data have.
        name: What the data are called.

    Raises:
        ValueError: Naming what is missing and what there is.
    """
    if missing := [field for field in fields if field not in known]:
        raise ValueError(
            f"{', '.join(missing)} is to be read of each example, but data {name} have "
            f"{', '.join(known)} alone: use data with {', '.join(missing)}, or a model and an "
            "objective that do without."
        )


def within(length: Tensor, steps: int) -> Tensor:
    """Return which of so many steps lie within each length, bool ``(*lead, T)``."""
    return torch.arange(steps, device=length.device) < length.unsqueeze(-1)


def of_steps(steps: Tensor, x: Tensor) -> Tensor:
    """Return ``(B, T)`` of steps with ones for the dimensions of an event of x."""
    return steps.reshape(*steps.shape, *(1,) * (x.dim() - steps.dim()))


def without_padding(batch: Batch, names: Iterable[str]) -> Batch:
    """Return a batch of sequences without the last steps, if they are padding in all of them.

    Args:
        batch: Without ``length`` it is returned as it is.
        names: Of the fields ``(B, T, ...)`` that have a value for each step.
    """
    if "length" not in batch:
        return batch
    steps = int(batch["length"].max())
    return {**batch, **{name: batch[name][:, :steps] for name in names if name in batch}}


def known_values(x: Tensor, length: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """Return which values of sequences are known: within the length, and not missing by the mask.

    Args:
        x: ``(B, T, *event)``.
        length: Steps of each, ``(B,)``; ``None``: all.
        mask: Which are known, ``(B, T)`` or ``(B, T, *event)``; ``None``: all.

    Returns:
        Bool, ``(B, T, *event)`` or of size 1 in the event; ``None``: all.
    """
    inside = None if length is None else of_steps(within(length, x.shape[1]), x)
    if mask is None:
        return inside
    found = of_steps(mask != 0, x)
    return found if inside is None else found & inside
