"""Batches by index: no workers, no collation, no global random state."""

__all__ = ["Batches", "moved"]

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from vae.batch import check_fields
from vae.data.ahead import ahead
from vae.data.preprocess import Preprocess
from vae.data.source import Examples


def moved(x: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, without waiting for what a GPU has still to do."""
    if device.type != "cuda" or x.device == device:
        return x.to(device)
    return x.pin_memory().to(device, non_blocking=True)


@dataclass(eq=False, repr=False)
class Batches(ABC):
    """Batches of examples, as a pure function of a seed and of what is asked for.

    A batch has the fields that are asked for, each ``(B, ...)``, and nothing else is gathered. x is
    float32; float64 where a model is to standardise what float32 cannot tell apart.

    Args:
        examples: What to read; indices live where they do.
        preprocess: From raw values to model input.
        batch_size: Examples per batch and process, ≥ 1.
        device: Where batches go; by default where the examples are.
        seed: Seed of what is random.
        rank: Which of the ``world_size`` processes this is.
        world_size: How many processes share the examples.
        fields: What a batch holds of each example.

    Attributes:
        columns: The fields besides x, of all examples.

    Raises:
        ValueError: If the examples do not have such a field.
    """

    examples: Examples
    preprocess: Preprocess
    _: KW_ONLY
    batch_size: int
    device: torch.device = None  # type: ignore[assignment]  # until the examples are known
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    fields: Sequence[str] = ("x",)

    def __post_init__(self) -> None:
        examples = self.examples
        if self.device is None:
            self.device = examples.device
        columns = {name: examples.column(name) for name in self.fields if name != "x"}
        self.columns = {name: column for name, column in columns.items() if column is not None}
        if len(self.columns) < len(columns):  # what there is costs time to find out
            check_fields(self.fields, examples.names, self.preprocess.spec.name)

    @abstractmethod
    def __len__(self) -> int:
        """How many times this process is handed something in an epoch."""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]: ...

    @abstractmethod
    def values(self, indices: Tensor, raw: Tensor | None = None) -> Tensor:
        """Return preprocessed examples, ``(B, *shape)``.

        Args:
            indices: ``(B,)`` int64.
            raw: Their values as stored, if these are read already.
        """

    def gather(self, indices: Tensor, raw: Tensor | None = None) -> dict[str, Tensor]:
        """Return the batch of some examples; see `values`."""
        batch = {"x": self.values(indices, raw)} if "x" in self.fields else {}
        for name, column in self.columns.items():
            batch[name] = moved(column.index_select(0, indices), self.device)
        return batch

    def _read(self, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor | None]]:
        # Raw values of what is left in files are read while the batches before are being used.
        in_files = self.examples.files is not None and "x" in self.fields
        read = ahead(self.examples.take, parts) if in_files else repeat(None, len(parts))
        return zip(parts, read, strict=True)

    def _stored(self, indices: Tensor, raw: Tensor | None) -> Tensor:
        raw = self.examples.take(indices) if raw is None else raw
        return moved(raw, self.device)
