"""Further fields of the user's own data: arrays of an .npz file that go with its examples."""

__all__ = [
    "as_sequences",
    "check_names",
    "field_kinds",
    "keys_of_fields",
    "kinds_of_sequences",
    "load_fields",
]

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae.data.formats.array_keys import check_alike, counterpart
from vae.data.formats.headers import ArrayHeader, data_key, load_array
from vae.data.formats.values import as_bits

OWN = ("x", "index", "label", "factors")
KINDS = {"b": np.bool_, "u": np.int64, "i": np.int64, "f": np.float32}  # of a dtype, but uint8


def check_names(fields: object) -> None:
    """Refuse what is no mapping from names of fields to names of arrays.

    Raises:
        ValueError: Saying what it must be.
    """
    if not isinstance(fields, Mapping) or not all(isinstance(k, str) for k in fields.values()):
        raise ValueError(
            "data.fields must name an array for each field, such as {mask: valid}; "
            f"got {fields!r}."
        )
    for name in fields:
        if name in OWN or not str(name).isidentifier():
            raise ValueError(
                f"data.fields cannot have a field {name!r}: it must be a word, and none of "
                f"{', '.join(OWN)}."
            )


def keys_of_fields(
    path: Path, headers: Mapping[str, ArrayHeader], fields: Mapping[str, str], parts: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return by part which array holds each field.

    Args:
        path: The file, for messages.
        headers: Of its arrays.
        fields: Which arrays hold those of the training part.
        parts: The parts, of which the others have arrays that are called alike.

    Raises:
        ValueError: If there is no such array.
    """
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        found[part] = {}
        for name, key in fields.items():
            own = (
                data_key(path, headers, key) if part == "train" else counterpart(key, part, headers)
            )
            if own is None:
                raise ValueError(f"{path} has {key}, but none for its part {part}.")
            found[part][name] = own
    return found


def field_kinds(
    path: Path,
    headers: Mapping[str, ArrayHeader],
    keys: Mapping[str, Mapping[str, str]],
    sizes: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Return shape and type of each field of one example, as in a `DataSpec`.

    Args:
        path: The file, for messages.
        headers: Of its arrays.
        keys: By part which array holds each field.
        sizes: N of each part.

    Raises:
        ValueError: If an array holds no numbers, or not one row for each example.
    """
    kinds = {}
    for name, key in keys["train"].items():
        check_alike(path, headers, [fields[name] for fields in keys.values()])
        for part, fields in keys.items():
            shape = headers[fields[name]].shape
            if shape[:1] != (sizes[part],):
                raise ValueError(
                    f"{path}: {fields[name]}, the field {name}, must be ({sizes[part]}, …), a row "
                    f"for each example; got shape {shape}."
                )
        dtype = headers[key].dtype
        if dtype.kind not in KINDS:
            raise ValueError(f"{path}: {key}, the field {name}, must hold numbers; got {dtype}.")
        kinds[name] = {"shape": headers[key].shape[1:], "dtype": np.dtype(kept_as(dtype)).name}
    return kinds_of_sequences(kinds)


def kept_as(dtype: np.dtype) -> Any:
    """Return the type that values are kept in."""
    return np.uint8 if dtype == np.uint8 else KINDS[dtype.kind]


def load_fields(path: Path, keys: Mapping[str, str]) -> dict[str, Tensor]:
    """Return the fields of a part, ``(N, ...)`` each.

    Raises:
        ValueError: If a value is not finite, or too large for its type.
    """
    found = {}
    for name, key in keys.items():
        array = load_array(path, key)
        values = as_bits(array, path) if array.dtype == np.bool_ else array
        with np.errstate(over="ignore", invalid="ignore"):
            kept = np.ascontiguousarray(values.astype(kept_as(array.dtype), copy=False))
        if not np.isfinite(kept).all() or (array.dtype.kind == "u" and kept.min(initial=0) < 0):
            raise ValueError(
                f"{path}: {key}, the field {name}, holds values that are not finite, or too large "
                f"for {kept.dtype}: remove or replace them."
            )
        found[name] = torch.from_numpy(kept)
    return found


def as_sequences(
    subject: object, fields: Mapping[str, Tensor], shape: Sequence[int]
) -> dict[str, Tensor]:
    """Return the fields of sequences ``(T, *event)`` in the types that models read.

    Without a ``length`` there are no sequences, and they stay as they are.

    Args:
        subject: What they are of, for messages.
        fields: By name, ``(N, ...)`` each.
        shape: Of one example.

    Raises:
        ValueError: If ``length`` is not a whole number from 1 to T, or ``mask`` no truth value of
            each step or each value.
    """
    found = dict(fields)
    if "length" not in fields:
        return found
    length, mask = fields["length"], fields.get("mask")
    if length.dim() != 1 or length.is_floating_point() or length.dtype == torch.bool:
        raise ValueError(f"{subject}: length must hold a whole number of each sequence, (N,).")
    low, high = (int(value) for value in length.aminmax())
    if low < 1 or high > shape[0]:
        raise ValueError(
            f"{subject}: length must be from 1 to {shape[0]}, the steps of x; it is from {low} to "
            f"{high}."
        )
    found["length"] = length.long()
    if mask is not None:
        of_step, whole = tuple(mask.shape[1:]) in ((shape[0],), tuple(shape)), tuple(mask.shape)
        if not of_step or not ((mask == 0) | (mask == 1)).all():
            raise ValueError(
                f"{subject}: mask must hold truth values, (N, {shape[0]}) or (N, "
                f"{', '.join(map(str, shape))}); got {mask.dtype} of shape {whole}."
            )
        found["mask"] = mask.bool()
    return found


def kinds_of_sequences(kinds: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return shape and type of each field after `as_sequences`."""
    if "length" not in kinds:
        return kinds
    types = {"length": "int64", "mask": "bool"}
    return {name: {**kind, "dtype": types.get(name, kind["dtype"])} for name, kind in kinds.items()}
