"""What `vae.fit` trains on: the whole log-joint again and again, or some rows at a time."""

__all__ = ["FitBatches", "Replicates"]

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor

from vae.data import Group
from vae.data.randomness import permutation
from vae.training.loaded_batches import GivenDraft, Resident

GROUP = 50  # steps between two looks at signals and the clock


class RowCount:
    """Says how many rows there are, which Lightning's loaders are asked by way of a data set."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count


@final
class FitBatches:
    """Groups of training batches, a given number of steps in each epoch.

    Of rows each pass over the data has an order of its own, drawn from (seed, number of the pass);
    a last, smaller batch is left out, so that all have the same weight.

    Args:
        num_examples: Rows of the data; 1 of a whole log-joint.
        batch_size: Rows in a step; ``None`` for the whole log-joint.
        replicates: Examples in a step then; see `LogJoint`.
        steps: Of an epoch, at least 1.
        seed: Of the order.
        device: Where the batches are made.
        dtype: Of the examples.
    """

    def __init__(
        self,
        num_examples: int,
        batch_size: int | None,
        *,
        replicates: int,
        steps: int,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.dataset = RowCount(num_examples)
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.epoch = 0
        self.resident = Resident(device)
        zeros = torch.zeros(replicates, dtype=dtype, device=device)
        self.whole = GivenDraft({"x": zeros}, replicates, self.resident)
        self.device = device
        self.order: tuple[int, tuple[Tensor, ...]] = (-1, ())

    @property
    def sampler(self) -> "FitBatches":
        """The object whose ``set_epoch`` is called: this one."""
        return self

    def __len__(self) -> int:
        return -(-self.steps // GROUP)

    def set_epoch(self, epoch: int) -> None:
        """Note which epoch begins."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Group]:
        for start in range(0, self.steps, GROUP):
            first = self.epoch * self.steps + start
            yield Group(start, self.drafts(first), min(GROUP, self.steps - start))

    def drafts(self, step: int) -> Iterator[GivenDraft]:
        """Yield the batches from a step of the whole run on."""
        while True:
            yield self.whole if self.batch_size is None else self.some_rows(step)
            step += 1

    def some_rows(self, step: int) -> GivenDraft:
        """Return the rows of a step."""
        size = len(self.dataset)
        assert self.batch_size is not None
        passed, number = divmod(step, size // self.batch_size)
        if self.order[0] != passed:
            order = permutation(size, self.seed, passed).to(self.device)
            self.order = passed, order.split(self.batch_size)
        return GivenDraft({"index": self.order[1][number]}, self.batch_size, self.resident)


@final
class Replicates:
    """One validation batch: many examples of the whole log-joint.

    Args:
        zeros: ``(S,)``.
    """

    def __init__(self, zeros: Tensor) -> None:
        self.zeros = zeros

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        yield {"x": self.zeros}
