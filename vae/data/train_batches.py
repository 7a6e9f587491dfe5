"""Batches to train on: in a new order each epoch, in groups, resumed in the middle."""

__all__ = ["Draft", "Group", "StoredDraft", "TrainBatches"]

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol, final

import torch
from torch import Tensor

from vae.data.batches import Batches, moved
from vae.data.labelling import LabelledShare
from vae.data.randomness import Noise, permutation, windowed


class Draft(Protocol):
    """A training batch that is made when it is needed: whatever has these members.

    Attributes:
        loader: Whose batch it is.
        key: What its noise belongs to, besides seed and rank.
        num_examples: How many examples it has.
        resident: Whether it is made on the device of examples that lie there.
    """

    @property
    def loader(self) -> Any: ...  # noqa: D102

    @property
    def key(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def num_examples(self) -> int: ...  # noqa: D102

    @property
    def resident(self) -> bool: ...  # noqa: D102

    def make(self) -> dict[str, Tensor]:
        """Return the batch, with the noise that belongs to it."""

    def given(self) -> dict[str, Tensor]:
        """Return what a recorded step is given of it: indices if `resident`, else the batch."""


class StoredDraft(NamedTuple):
    """A training batch of stored examples; see `Draft`.

    Attributes:
        loader: Whose batch it is.
        indices: ``(B,)`` int64, its examples.
        raw: Their values where these were read from files, else ``None``.
        key: What its noise belongs to, besides seed and rank.
    """

    loader: "TrainBatches"
    indices: Tensor
    raw: Tensor | None
    key: tuple[int, ...]

    @property
    def num_examples(self) -> int:
        """How many examples it has."""
        return len(self.indices)

    @property
    def resident(self) -> bool:
        """Whether its examples lie on the device where it is made."""
        return self.raw is None and self.loader.examples.device == self.loader.device

    def make(self) -> dict[str, Tensor]:
        """Return the batch, with the noise that belongs to it."""
        return self.loader.make(self.indices, self.raw, *self.key)

    def given(self) -> dict[str, Tensor]:
        """Return its indices, if its examples lie where it is made, else the batch."""
        return {"indices": self.indices} if self.resident else self.make()


class Group:
    """Some successive batches of an epoch, before they are made.

    Args:
        start: Number of the first batch in its epoch.
        drafts: The batches.
        size: How many.
    """

    def __init__(self, start: int, drafts: Iterator[Draft], size: int) -> None:
        self.start = start
        self.drafts = drafts
        self.size = size

    def __iter__(self) -> Iterator[tuple[int, Draft]]:
        """Yield each batch with its number in the epoch."""
        return enumerate(islice(self.drafts, self.size), self.start)


@final
@dataclass(eq=False, repr=False)
class TrainBatches(Batches):
    """Batches in a new order each epoch, which resume in the middle of one.

    Order is a permutation drawn from (seed, epoch); each process takes every ``world_size``-th
    example of it, all of them equally many. Noise is drawn from (seed, rank, epoch, batch).
    Lightning stores `state_dict` in checkpoints and calls ``sampler.set_epoch`` before each epoch.

    It yields groups of batches, so that Lightning's cost per step, half a millisecond on a CPU, is
    paid once for several optimizer steps.

    Args:
        drop_last: Whether to leave out a last, smaller batch.
        group_size: Batches per group, ≥ 1.
        repeats: Whether every epoch has the order of the first: batches to overfit. The other
            arguments are those of `Batches`.
        labelled_share: Of batches that hold labels, how much has one where only some examples have;
            see `LabelledShare`.

    Raises:
        ValueError: If there are fewer examples than one batch takes.
    """

    drop_last: bool = True
    group_size: int = 1
    repeats: bool = False
    labelled_share: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        labels, self.mixture = self.columns.get("label"), None
        if labels is not None and self.preprocess.spec.num_labelled not in (None, len(labels)):
            self.mixture = LabelledShare(labels, self.batch_size, self.labelled_share)
        self.noise = Noise(self.device)
        self.epoch = 0
        self.position = 0
        self._resumed = False
        if len(self) == 0:
            raise ValueError(
                f"There are {len(self.examples)} training examples for {self.world_size} "
                f"process(es) of batch_size {self.batch_size}: use a smaller data.batch_size or "
                "data.drop_last=false."
            )

    @property
    def sampler(self) -> "TrainBatches":
        """The object whose ``set_epoch`` Lightning calls: this one."""
        return self

    def __len__(self) -> int:
        return -(-self.num_batches // self.group_size)

    @property
    def num_batches(self) -> int:
        """How many batches this process reads in an epoch."""
        if self.mixture is not None:
            return self.mixture.num_batches(self.world_size, drop_last=self.drop_last)
        if self.drop_last:
            return len(self.examples) // self.world_size // self.batch_size
        return -(-self._per_rank() // self.batch_size)

    def _per_rank(self) -> int:
        if self.drop_last:
            return len(self.examples) // self.world_size
        return -(-len(self.examples) // self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``, or stay if it is the present one."""
        if epoch != self.epoch:
            self.epoch, self.position = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Return the epoch, how many of its batches were read, and what these numbers rest on."""
        return {"epoch": self.epoch, "position": self.position, **self._identity()}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue with the batch after the last one read.

        Raises:
            ValueError: If the state belongs to other data or another batch size, so that its
                position would mean other examples.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ValueError(
                    f"The checkpoint was made with {name}={state.get(name)}, this run has "
                    f"{name}={value}: resume with the same data settings."
                )
        self.epoch, self.position = state["epoch"], state["position"]
        self._resumed = True

    def _identity(self) -> dict[str, int]:
        identity = {
            "seed": self.seed,
            "num_examples": len(self.examples),
            "batch_size": self.batch_size,
            "world_size": self.world_size,
        }
        if self.mixture is not None:
            identity["labelled per batch"] = self.mixture.num_known
        in_memory = self.examples.files is None
        return identity if in_memory else {**identity, "window": self.examples.window}

    def __iter__(self) -> Iterator[Group]:
        # A generator body runs at the first `next`, so Lightning may call `iter` before it loads a
        # state or sets the epoch.
        if self.position and (not self._resumed or self.position >= self.num_batches):
            self.set_epoch(self.epoch + 1)
        self._resumed = False
        drafts = self.drafts()
        while self.position < self.num_batches:
            # Of a group that was left early in a run before, the rest is a group.
            size = self.group_size - self.position % self.group_size
            size = min(size, self.num_batches - self.position)
            end = self.position + size
            yield Group(self.position, drafts, size)
            self.position = max(self.position, end)  # of a group left early, the rest is skipped

    def drafts(self) -> Iterator[StoredDraft]:
        """Yield the batches of the epoch that were not read yet."""
        parts = self._order().split(self.batch_size)[self.position : self.num_batches]
        for number, (indices, raw) in enumerate(self._read(parts), self.position):
            if number < self.position:
                continue  # the rest of a group left early
            # Before the yield: a state taken while this batch is being used counts it as read.
            self.position = number + 1
            yield StoredDraft(self, indices, raw, (self.epoch, number))

    def make(self, indices: Tensor, raw: Tensor | None, *key: int) -> dict[str, Tensor]:
        """Return the batch of these examples, with the noise that belongs to the key."""
        self.seed_noise(*key)
        return self.gather(indices, raw)

    def seed_noise(self, *key: int) -> None:
        """Set the noise of `values` to the stream of a key."""
        self.noise.at(self.seed, self.rank, *key)

    def values(self, indices: Tensor, raw: Tensor | None = None) -> Tensor:
        """Return preprocessed examples, ``(B, *shape)``, with the noise that comes next."""
        raw = self._stored(indices, raw)
        return self.preprocess(raw, self.noise.generator, training=True)

    def _order(self) -> Tensor:
        size = len(self.examples)
        files, key = self.examples.files, (self.seed, 0 if self.repeats else self.epoch)
        if self.mixture is not None:
            order = self.mixture.order(self.num_batches, self.rank, self.world_size, *key)
            return moved(order, self.examples.device)
        window = self.examples.window
        order = permutation(size, *key) if files is None else windowed(files, window, *key)
        total = self._per_rank() * self.world_size
        order = order[torch.arange(self.rank, total, self.world_size) % size]
        return moved(order, self.examples.device)
