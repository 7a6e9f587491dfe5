"""Which arrays of a NumPy file are data, labels and factors of which part."""

__all__ = ["PartKeys", "counterparts", "keys_of_parts", "load_columns"]

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.formats.headers import DATA_KEYS, ArrayHeader, data_key, load_array, read_headers

DATA = ("data", "x", "images", "imgs")
LABELS = ("labels", "y", "label", "targets", "target")
TRAIN = ("training", "train")
OTHERS = {"val": ("val", "valid", "validation"), "test": ("test",)}
NONE = "none"  # of a label key: no labels


class PartKeys(NamedTuple):
    """The names of the arrays of one part; ``None`` where it has none."""

    data: str
    labels: str | None
    factors: str | None


def keys_of_parts(
    path: Path,
    headers: Mapping[str, ArrayHeader],
    *,
    data: str | None,
    labels: str | None,
    factors: str | None,
    own_parts: bool | None,
) -> dict[str, PartKeys]:
    """Return the keys of ``train``, and of ``val`` and ``test`` where the file has them.

    Parts are told by their names: ``train_images`` beside ``val_images`` and ``test_images``,
    ``x_train`` beside ``x_test``, in whatever case.

    Args:
        path: The file, for messages.
        headers: Of its arrays.
        data: The key of the data; ``None`` goes by the names.
        labels: The key of the labels; ``None`` goes by the names, ``"none"`` wants none.
        factors: The key of the factors, if there are any.
        own_parts: Whether val and test are taken from the file; ``None`` if ``data`` is ``None``.

    Raises:
        ValueError: If an array that is asked for is not there, there is no telling which is the
            data, or parts are unlike each other.
    """
    train = keys_of_train(path, headers, data, labels, factors)
    found = {"train": train}
    for part in OTHERS if (data is None if own_parts is None else own_parts) else ():
        other = counterpart(train.data, part, headers)
        if other is not None and headers[other].shape[:1] != (0,):
            rest = (k and counterpart(k, part, headers) for k in train[1:])
            found[part] = PartKeys(other, *rest)
    if own_parts and len(found) == 1:
        raise ValueError(
            f"{path} has no validation or test array beside {train.data}, which "
            f"data.own_parts=true asks for; it has: {', '.join(headers)}."
        )
    check_alike(path, headers, [part.data for part in found.values()])
    return found


def check_alike(path: Path, headers: Mapping[str, ArrayHeader], keys: Collection[str]) -> None:
    """Refuse parts whose examples are of different shapes or types."""
    kinds = {(headers[key].shape[1:], headers[key].dtype) for key in keys}
    if len(kinds) > 1:
        raise ValueError(
            f"{path} holds parts of different shapes or types ({', '.join(headers)}): make them "
            "alike, or use data.own_parts=false."
        )


def keys_of_train(
    path: Path,
    headers: Mapping[str, ArrayHeader],
    data: str | None,
    labels: str | None,
    factors: str | None,
) -> PartKeys:
    """Return the keys of ``train``; the arguments are those of `keys_of_parts`."""
    if data is None and not any(key in headers for key in DATA_KEYS):
        data = named(headers, DATA, train=True)
    key = data_key(path, headers, data)
    if labels is None:
        labels = named(headers, LABELS, train=is_train(key)) or named(headers, LABELS, train=False)
    elif labels != NONE:
        data_key(path, headers, labels)
    if factors is not None:
        data_key(path, headers, factors)
    return PartKeys(key, None if labels == NONE else labels, factors)


def load_columns(
    path: Path, keys: Mapping[str, str | None], own: Path | None, own_key: str | None, setting: str
) -> dict[str, np.ndarray] | None:
    """Return labels or factors of each part, or ``None`` if there are none.

    Args:
        path: The file of the data.
        keys: Which of its arrays they are, by part.
        own: A file of their own, instead, for ``train``.
        own_key: Which of its arrays they are.
        setting: What names that file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If they are missing for some parts, or hold Python objects.
    """
    if own is not None:
        headers = read_headers(own, setting)
        return {"train": load_array(own, data_key(own, headers, own_key))}
    if keys["train"] is None:
        return None
    for part, key in keys.items():
        if key is None:
            raise ValueError(f"{path} has {keys['train']}, but none for its part {part}")
    return {part: load_array(path, key) for part, key in keys.items() if key is not None}


def counterparts(key: str, headers: Collection[str]) -> list[str]:
    """Return the arrays that would be parts beside a training array."""
    return [other for part in OTHERS if (other := counterpart(key, part, headers)) is not None]


def counterpart(key: str, part: str, headers: Collection[str]) -> str | None:
    """Return the name of the same array of another part."""
    lower = {name.lower(): name for name in headers}
    for word in TRAIN:
        for other in OTHERS[part] if word in key.lower() else ():
            found = lower.get(key.lower().replace(word, other))
            if found is not None:
                return found
    return None


def named(headers: Collection[str], nouns: Collection[str], *, train: bool) -> str | None:
    """Return the first array so called, with or without the word ``train`` beside it."""
    for noun in nouns:
        for name in headers:
            if is_train(name) == train and bare(name) == noun:
                return name
    return None


def is_train(name: str) -> bool:
    """Say whether a name speaks of training data."""
    return any(word in name.lower() for word in TRAIN)


def bare(name: str) -> str:
    """Return a name in lower case without the word ``train``."""
    lower = name.lower()
    for word in TRAIN:
        lower = lower.replace(word, "")
    return lower.strip("_-. /")
