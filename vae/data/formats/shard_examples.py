"""Examples that stay in tar files."""

__all__ = ["MOST", "ShardExamples"]

from concurrent.futures import ThreadPoolExecutor
from typing import final

import numpy as np
import torch
from torch import Tensor

from vae.data.formats.members import ArrayMembers, PictureMembers
from vae.data.formats.open_tars import OpenTars
from vae.data.source import Examples

MOST = 255  # of a byte


@final
class ShardExamples(Examples):
    """Examples that stay in tar files; a batch is read when it is needed.

    Args:
        tars: The tar files.
        reader: From a member's bytes to an array.
        places: ``(N, 3)`` int64: which of the files an example is in, where it begins there, and
            its length, in bytes.
        labels: ``(N,)`` int64, or ``None``.
        most: The largest byte that may occur: 1 for bits, else 255.
        rows: ``(N,)`` int64, where each stands among all of its part; ``None`` means in order.
        window: How many files are shuffled together.
        pool: What reads and decodes the examples of a batch at once.
    """

    def __init__(
        self,
        tars: OpenTars,
        reader: ArrayMembers | PictureMembers,
        places: Tensor,
        labels: Tensor | None,
        *,
        most: int,
        rows: Tensor | None = None,
        window: int,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.tars = tars
        self.most = most
        self.reader = reader
        self.places: Tensor = places
        self.files = places[:, 0]
        self.labels = labels
        self._rows = torch.arange(len(places)) if rows is None else rows
        self.window = window
        self.pool = pool

    @property
    def rows(self) -> Tensor:
        """``(N,)`` int64, where each example stands among all of its part, tar after tar."""
        return self._rows

    @property
    def factors(self) -> None:
        """None are known."""
        return

    @property
    def device(self) -> torch.device:
        """Where indices must be, and where what is read goes."""
        return self.places.device

    @property
    def num_bytes(self) -> int:
        """How much memory all examples would take."""
        return len(self) * self.reader.num_bytes

    def __len__(self) -> int:
        return len(self.places)

    def take(self, indices: Tensor) -> Tensor:
        """Return ``(B, *shape)`` raw values at ``indices`` ``(B,)``.

        Raises:
            ValueError: Naming file and member, if one is damaged or not like the first one.
        """
        read = self.pool.map(self._read, self.places[indices].tolist())
        return torch.from_numpy(np.stack(list(read)))

    def _read(self, place: tuple[int, int, int]) -> np.ndarray:
        name, content = self.tars.member(place)
        x, deepest = self.reader.read(name, content)
        if self.most < MOST and (highest := max(int(x.max()), deepest)) > self.most:
            raise ValueError(
                f"{name} holds {highest}, but the training examples that were looked at only 0 and "
                "1, which were taken for bits: store all of them as 0…255, or as bits."
            )
        return x

    def subset(self, indices: Tensor) -> "ShardExamples":
        """Return the examples at ``indices`` ``(M,)``."""
        return ShardExamples(
            self.tars,
            self.reader,
            self.places[indices],
            None if self.labels is None else self.labels[indices],
            most=self.most,
            rows=self.rows[indices],
            window=self.window,
            pool=self.pool,
        )

    def to(self, device: torch.device) -> "ShardExamples":
        """Refuse to move what is left in files because it is large.

        Raises:
            ValueError: If the device is another one.
        """
        if device != self.device:
            raise ValueError("data=shards leaves the data in files: use data.on_device=false.")
        return self
