"""How many rows a pass that is not training may take: one bound in bytes for all of them."""

__all__ = ["BYTES", "drawn_rows", "prior_rows", "scored_rows", "weight_rows", "whole_rows"]

import sys
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vae.batch import Batch
from vae.distributions.fixed import frozen
from vae.draws import At, FromPrior, Posterior, Replay
from vae.models.fields import values_of

BYTES = 1 << 29  # that a pass holds at once, besides weights, examples and what it returns
LENGTH = "length"  # of a sequence, in steps
KNOWN: WeakKeyDictionary[nn.Module, dict[Hashable, float]] = WeakKeyDictionary()


def drawn_rows(model: Any, batch: Batch, most: int) -> int:
    """Return how many draws from q(z|x) of one example may be made at once, at most ``most``."""

    def run(count: int) -> object:
        draws = Posterior(count, priors=False, likelihoods=False)
        latents = model.ran(repeated(batch, 1), draws).latents.values()
        return [latent.log_q for latent in latents if not latent.shared]

    return within(model, "drawn", batch, run, most)


def weight_rows(model: Any, batch: Batch, drawn: int, scored: int) -> tuple[int, int]:
    """Return both for importance weights, at most so many: `drawn_rows` and `scored_rows`."""
    return drawn_rows(model, batch, drawn), scored_rows(model, batch, scored)


def scored_rows(model: Any, batch: Batch, most: int) -> int:
    """Return at how many latents p(x, z) and its gradient may be found at once.

    Of a model whose examples share latents, such as weights, at how many examples.
    """

    def run(count: int) -> object:
        one = repeated(batch, 1)
        with torch.no_grad():
            drawn = model.ran(one, Posterior(count, priors=False, likelihoods=False)).latents
        if any(latent.shared for latent in drawn.values()):
            return model.ran(repeated(batch, count), Posterior()).trace().log_px
        with torch.enable_grad(), frozen(model):
            z = {name: gradient(latent.z) for name, latent in drawn.items()}
            return model.ran(one, Replay(z, posteriors=False)).trace().log_joint

    return within(model, "scored", batch, run, most)


def whole_rows(model: Any, batch: Batch, most: int, *, num_samples: int = 1) -> int:
    """Return of how many examples the whole trace may be made at once, a power of two or ``most``.

    Args:
        model: In evaluation mode.
        batch: What it reads of some examples, at least one.
        most: At least 1.
        num_samples: Draws of each.
    """

    def run(count: int) -> object:
        trace = model(repeated(batch, count), num_samples=num_samples)
        return trace, trace.log_px, trace.kl

    rows = within(model, ("whole", num_samples), batch, run, most)
    return most if rows == most else 1 << (rows.bit_length() - 1)


def prior_rows(model: Any, given: Batch, most: int) -> tuple[int, int]:
    """Return how many latents may be drawn from the prior, and how many decoded at once.

    Args:
        model: In evaluation mode.
        given: What else it reads of each, ``(n, ...)``.
        most: n.
    """
    if most == 1 or not all(isinstance(value, Tensor) for value in given.values()):
        return most, most

    def run(count: int) -> Any:
        return model.ran(repeated(given, count), FromPrior(count, likelihoods=False))

    def decoded(count: int) -> object:
        found = run(count)
        known = values_of(found, count, noise=False)
        if not found.pending:
            return known
        z = {name: latent.point for name, latent in found.latents.items()}
        seen = model.ran({**repeated(given, count), **known}, At(z))
        return values_of(seen, count, noise=False)

    drawn = within(model, "from prior", given, run, most)
    return drawn, within(model, "decoded", given, decoded, most)


def within(
    model: nn.Module, what: Hashable, batch: Batch, run: Callable[[int], object], most: int
) -> int:
    """Return how many rows `run` may take, from 1 to ``most``, by counting it at two and at three.

    A model in training mode is not asked, since that may change it.
    """
    if most == 1 or (isinstance(model, nn.Module) and model.training):
        return most
    known, key = KNOWN.setdefault(model, {}), (what, *map(shape_of, sorted(batch.items())))
    if key not in known:
        known[key] = bytes_per_row(run, next(model.parameters(), None))
    return max(1, min(most, int(BYTES / max(known[key], 1))))


def shape_of(field: tuple[str, Tensor]) -> Hashable:
    """Return what of a field decides how much memory an example takes: of lengths the largest."""
    name, x = field
    steps = int(x.max()) if name == LENGTH else None
    return name, tuple(x.shape[1:]), x.dtype, x.device, steps


@torch.no_grad()
def bytes_per_row(run: Callable[[int], object], like: Tensor | None) -> float:
    """Return how many bytes more a run of three rows holds at once than one of two.

    Not of two than of one, which is expanded without a copy here and there.
    """
    three, two = (levels(run, count, like) for count in (3, 2))
    if len(two) != len(three):  # a first run makes what is made once
        three = levels(run, 3, like)
    if len(two) != len(three):  # not the same operations: what does not grow counts as well
        return max(three) / 3
    return max((b - a for a, b in zip(two, three, strict=True)), default=0)


def levels(run: Callable[[int], object], count: int, like: Tensor | None) -> list[int]:
    """Return the bytes that are held after each operation; the random state stays as it is."""
    devices = [like.device] if like is not None and like.device.type == "cuda" else []
    unknown = suppress(NotImplementedError)  # a density: what comes before it counts
    with torch.random.fork_rng(devices), eagerly(), Held() as held, unknown:
        run(count)
    return held.levels


class Held(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it is entered, until they are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.levels = 0, [0]
        self.storages: dict[int, Any] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and count what it made."""
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if isinstance(value, Tensor):
                self.add(value.untyped_storage())
        self.levels.append(self.now)
        return made

    def add(self, storage: Any) -> None:
        """Count a storage, unless it is counted, until it is freed."""
        key, size = storage._cdata, storage.nbytes()
        if key not in self.storages:
            self.now += size
            self.storages[key] = ref(storage, lambda _: self.free(key, size))

    def free(self, key: int, size: int) -> None:
        """Count a storage no more."""
        del self.storages[key]
        self.now -= size


@contextmanager
def eagerly() -> Iterator[None]:
    """Leave what `torch.compile` made of a net aside, if anything is compiled here."""
    compiled = "torch._dynamo" in sys.modules
    with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
        yield


def repeated(batch: Batch, count: int) -> dict[str, Tensor]:
    """Return one example of a batch so many times: of sequences the longest."""
    at = int(batch[LENGTH].argmax()) if LENGTH in batch else 0
    one = {name: x[at : at + 1] for name, x in batch.items()}
    return {name: x.repeat(count, *[1] * (x.dim() - 1)) for name, x in one.items()}


def gradient(z: Tensor) -> Tensor:
    """Return latents by which may be differentiated, if they are real."""
    z = z.detach()
    return z.requires_grad_() if z.is_floating_point() else z
