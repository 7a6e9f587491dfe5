"""Batches to judge a model on: of each example the same values, however they are read."""

__all__ = ["EvalBatches"]

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from vae.data.batches import Batches, moved
from vae.data.uniform import uniform


@final
@dataclass(eq=False, repr=False)
class EvalBatches(Batches):
    """Batches in order, every example exactly once, with noise that belongs to the example.

    An example's noise is a function of the seed and of where it stands in its source: it is the
    same whatever is read beside it, in batches of any size, by any number of processes.

    The arguments are those of `Batches`. With several processes the last batches may differ in
    size, and a process may have one batch less.

    Args:
        mean: Whether values are their means over the noise instead: P(1) of a bit, the middle of a
            level.
    """

    mean: bool = False

    def __len__(self) -> int:
        return -(-len(self._order()) // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        parts = [part for part in self._order().split(self.batch_size) if len(part)]
        for indices, raw in self._read(parts):
            yield self.gather(indices, raw)

    def values(self, indices: Tensor, raw: Tensor | None = None) -> Tensor:
        """Return preprocessed examples, ``(B, *shape)``."""
        raw = self._stored(indices, raw)
        return self.preprocess.given(raw, self._noise(indices, raw))

    def _noise(self, indices: Tensor, raw: Tensor) -> Tensor | None:
        if self.mean or not self.preprocess.noisy:
            return None
        rows = moved(self.examples.rows[indices], self.device)
        return uniform(rows, raw[0].numel(), self.seed).view(raw.shape)

    def _order(self) -> Tensor:
        size, device = len(self.examples), self.examples.device
        return torch.arange(self.rank, size, self.world_size, device=device)
