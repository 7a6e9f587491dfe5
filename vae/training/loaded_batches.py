"""A user's own loader in training: what it draws is a function of the seed, and it is resumed."""

__all__ = ["GivenDraft", "LoadedBatches"]

from collections import deque
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, NamedTuple, Protocol, final, runtime_checkable

import torch
from lightning.fabric.utilities.data import sized_len
from torch import Generator, Tensor

from vae.batch import Batch
from vae.data.randomness import Noise, stream_seed
from vae.training.lightning_loading import tell_epoch
from vae.training.seeding import seed_noise

LOADING = 2  # the stream of noise, beside those of training and evaluation
CPU = torch.device("cpu")


@runtime_checkable
class Stateful(Protocol):
    """A loader that keeps its own place, such as torchdata's ``StatefulDataLoader``."""

    def state_dict(self) -> dict[str, Any]:
        """Return where it is."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""


@final
class LoadedBatches:
    """The batches of a loader, each epoch in an order that a seed gives.

    torch's generator is set before each of them, from (seed, epoch, number), so that a shuffled
    `DataLoader` gives the same batches again, and augmentation that draws from torch the same
    values. A run that goes on in the midst of an epoch reads again, and drops, what was read
    before, unless the loader keeps its own place: one with ``state_dict`` and ``load_state_dict``.

    Args:
        loader: Any iterable of batches that can be begun anew for each epoch.
        seed: Key of what is random.
        rank: Which of the ``world_size`` processes this is.
        world_size: How many processes read.
        numbers: Is told the number in its epoch of each batch that is given, in order: Lightning
            may read ahead, and does not always count anew after a resume.

    Raises:
        ValueError: If it has no batch left for a further epoch.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        numbers: deque[int],
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.loader = loader
        self.numbers = numbers
        self.rank = rank
        self.world_size = world_size
        self.start = stream_seed(seed, LOADING)
        self.epoch = 0
        self.position = 0
        self.done = False  # whether the loader has said that the epoch has no more
        self.drawn: Tensor | None = None  # the loader's own generator, when the epoch began
        self._resumed: dict[str, Any] | None = None

    @property
    def sampler(self) -> "LoadedBatches":
        """The object whose ``set_epoch`` Lightning calls: this one."""
        return self

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]  # a TypeError says that none is known

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``, or stay if it is the present one."""
        if epoch != self.epoch:
            self.epoch, self.position, self.done = epoch, 0, False
        tell_epoch(self.loader, epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch and how many of its batches were read."""
        own = {"loader": self.loader.state_dict()} if isinstance(self.loader, Stateful) else {}
        place: dict[str, Any] = {"epoch": self.epoch, "position": self.position, "done": self.done}
        if self.drawn is not None:
            place["generator"] = self.drawn
        return {**place, "world_size": self.world_size, **own}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the batch after the last one read."""
        self.epoch, self.position, self.done = (state[k] for k in ("epoch", "position", "done"))
        self._resumed = state

    def __iter__(self) -> Iterator[Any]:
        # A generator body runs at the first `next`: Lightning may load a state before.
        ended = self._resumed is None or self.done or self.position >= self._length
        if self.position and ended:
            self.set_epoch(self.epoch + 1)
        first, number = self._restore(), -1
        self.numbers.clear()
        own = generator_of(self.loader)
        self.drawn = None if own is None else own.get_state()
        seed_noise(CPU, self.epoch, start=self.start)  # the same order in every process
        for number, batch in enumerate(self.loader, first):
            if number >= self.position:
                self.position = number + 1
                self.numbers.append(number)
                yield batch
            seed_noise(CPU, self.epoch, self.rank, number + 1, start=self.start)
        self.done = True
        if number < 0 < self.epoch:
            raise ValueError(
                f"the training loader gave no batch in epoch {self.epoch + 1}: an iterator can be "
                "read once only, so give what can be begun anew, such as a DataLoader"
            )

    @property
    def _length(self) -> float:
        known = sized_len(self.loader)
        return inf if known is None else known

    def _restore(self) -> int:
        """Take the loader to where it was, if it can; return the number of its next batch."""
        state, self._resumed = self._resumed, None
        if state is None:
            return 0
        own, loader = generator_of(self.loader), self.loader
        if keeps_place := isinstance(loader, Stateful) and "loader" in state:
            loader.load_state_dict(state["loader"])
        elif own is not None and "generator" in state:
            own.set_state(state["generator"])
        else:
            return 0
        if state["position"] and not self.position:
            next(iter(loader), None)  # its epoch is over: what is begun now is the next one
        return self.position if keeps_place else 0


def generator_of(loader: object) -> Generator | None:
    """Return the generator that a DataLoader draws its order from, if it has one of its own."""
    found = getattr(loader, "generator", None)
    return found if isinstance(found, Generator) else None


class Resident:
    """What a step that is recorded as a CUDA graph asks of the loader of a batch that is made."""

    def __init__(self, device: torch.device) -> None:
        self.noise = Noise(device)

    def seed_noise(self, *key: int) -> None:
        """Do nothing: the batch is there."""

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """Never called, since no example is known by a number."""
        raise NotImplementedError


class GivenDraft(NamedTuple):
    """A training batch that a loader has made; see `vae.data.Draft`."""

    batch: Batch
    num_examples: int
    loader: Resident
    key: tuple[int, ...] = ()
    resident: bool = False

    def make(self) -> dict[str, Tensor]:
        """Return the batch."""
        return dict(self.batch)

    def given(self) -> dict[str, Tensor]:
        """Return the batch."""
        return dict(self.batch)
