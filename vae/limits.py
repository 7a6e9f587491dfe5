"""Limits for files of somebody else: what they may hold, and how much memory they may cost."""

__all__ = ["Budget", "check_archive", "check_plain"]

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

MAX_DEPTH = 32  # of nested lists and dicts in a config
MAX_CONFIG = 200_000  # values and characters of a config
COST_OF_CALL = 1_000  # in values: a million empty layers are refused as well
FREE_VALUES = 10_000_000  # what even an empty file may make: 40 MB
# Operations whose result depends on values, but is never larger than what they are given.
SHRINKING = ("aten::_local_scalar_dense", "aten::nonzero", "aten::unique_dim")


def check_archive(path: Path) -> None:
    """Refuse an archive of torch that would grow when it is read.

    Raises:
        ValueError: If an entry is compressed, or all together are larger than the file.
        zipfile.BadZipFile: If it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError(f"{path} has compressed entries, which torch never writes: not read")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise ValueError(f"{path} would unpack to more than its own size: not read")


def check_plain(value: Any, path: Path) -> None:
    """Refuse a config that is not made of plain values, or is larger than any real one.

    A list that stands in two places counts twice, since whoever walks the config meets it twice.

    Raises:
        ValueError: If it is too large, too deep, or holds anything but plain values.
    """
    size = 0
    for leaf in walk(value, MAX_DEPTH):
        size += 1 + (len(leaf) if isinstance(leaf, str) else 0)
        if size > MAX_CONFIG:
            raise ValueError(f"{path} holds a config of more than {MAX_CONFIG:,} values: not read")
        if not (leaf is None or isinstance(leaf, (str, bool, int, float))):
            raise ValueError(
                f"{path} holds a {type(leaf).__name__} in its config, or one nested "
                f"deeper than {MAX_DEPTH}: not read"
            )
        if isinstance(leaf, int) and abs(leaf) >= 2**63:
            raise ValueError(f"{path} holds a number beyond 64 bits in its config: not read")


def walk(value: Any, depth: int) -> Iterator[Any]:
    """Yield every key and value of nested dicts and lists, and what is nested deeper as it is."""
    if depth > 0 and isinstance(value, (dict, list, tuple)):
        yield None
        for item in value:
            yield from walk(item, depth - 1)
            if isinstance(value, dict):
                yield from walk(value[item], depth - 1)
    else:
        yield value


class Budget(TorchDispatchMode):
    """Ends the building of a model that is far larger than the file that describes it.

    Every result of torch inside this context is measured on the meta device before it is made,
    so that a ``latent_dim`` of a billion ends before it takes memory.

    Args:
        file_size: Bytes of the file. A model takes about three values per value of its weights:
            the empty tensor and two fillings.

    Raises:
        ValueError: When the sum is used up.
    """

    def __init__(self, file_size: int) -> None:
        super().__init__()
        self.left = FREE_VALUES + 2 * file_size

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Measure an operation, then do it."""
        self.left -= COST_OF_CALL + result_size(func, args, kwargs or {})
        if self.left < 0:
            raise ValueError("its config describes a model far larger than its weights")
        return func(*args, **(kwargs or {}))


def result_size(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return how many values an operation would return."""
    if func._schema.name in SHRINKING:
        return max(t.numel() * t.dim() for t in tree_leaves(args) if isinstance(t, Tensor))
    if func._schema.name == "aten::set_":  # of a deep copy: a storage has no form on meta
        return sum(part.nbytes() for part in args if isinstance(part, torch.UntypedStorage))
    meta_args, meta_kwargs = tree_map(to_meta, (args, kwargs))
    if any(argument.name == "device" for argument in func._schema.arguments):
        meta_kwargs |= {"device": torch.device("meta"), "pin_memory": None}
    result = func(*meta_args, **meta_kwargs)
    return sum(math.prod(t.shape) for t in tree_leaves(result) if isinstance(t, Tensor))


def to_meta(value: Any) -> Any:
    """Return a tensor without its values; anything else as it is."""
    return value.to("meta") if isinstance(value, Tensor) else value
