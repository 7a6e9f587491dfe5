"""What is evaluated: a trained model, and the data to judge it on."""

__all__ = ["Codes", "Subject"]

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from vae.batch import Batch
from vae.checks import check_int
from vae.data import DataModule, EvalBatches
from vae.evaluation.drawing.value_range import value_range
from vae.evaluation.measures.fingerprint import HASHED, fingerprint
from vae.evaluation.measures.named import codes_of
from vae.models import Model
from vae.models.rows import BYTES, scored_rows, whole_rows
from vae.spec import DataSpec

T = TypeVar("T")
BATCH = 128  # examples at once, or fewer of a large model: no figure depends on a batch size


class Codes(NamedTuple):
    """Where the model puts examples: centres of q(z|x) ``(N, D)``, of several latents side by side
    (`codes_of`), labels ``(N,)``, factors ``(N, F)``; all on the CPU.
    """

    z: Tensor
    labels: Tensor | None
    factors: Tensor | None


def silent(items: Iterable[Any], what: str, total: int) -> Iterable[Any]:
    """Show no progress."""
    return items


class Subject:
    """A model in evaluation mode and the split of the data it is judged on.

    Args:
        model: In evaluation mode.
        data: Its data.
        split: ``train``, ``val`` or ``test``.
        max_examples: Only so many examples of the split; ``None`` means all.
        max_rows: How many latents are decoded at once, at least 1, or fewer: no pass holds more
            than `vae.models.rows.BYTES`.
        seed: Key of all noise, ≥ 0.
        track: Called as ``track(items, what, total)``, gives the items back and shows how far
            they are.
    """

    def __init__(
        self,
        model: Model,
        data: DataModule,
        *,
        split: str = "test",
        max_examples: int | None = None,
        max_rows: int = 4096,
        seed: int = 0,
        track: Callable[[Iterable[Any], str, int], Iterable[Any]] = silent,
    ) -> None:
        check_int("max_examples", max_examples, optional=True)
        self.model = model
        self.data = data
        self.split = split
        self.max_examples = max_examples
        self.most_rows = max_rows
        self.seed = seed
        self.show_progress = track
        self.codes = cache(self._codes)

    @property
    def spec(self) -> DataSpec:
        """What an example is."""
        return self.data.spec

    @cached_property
    def value_range(self) -> tuple[float, float]:
        """What of the values of pictures is drawn black and what white."""
        return value_range(self.data)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @cached_property
    def max_rows(self) -> int:
        """How many latents are decoded at once, which bounds the memory."""
        return scored_rows(self.model, self._one, self.most_rows)

    @cached_property
    def block(self) -> int:
        """How many examples are judged at once: 128, or as many as the memory allows."""
        return self.rows(BATCH)

    def rows(self, most: int) -> int:
        """Return of how many examples the model may see at once, at most ``most``."""
        return whole_rows(self.model, self._one, most)

    @property
    def _one(self) -> Batch:
        """What the model reads of one example."""
        device, fields = self.device, tuple(self.model.fields)
        batches = self.data.batches(self.split, device=device, n=1, batch_size=1, fields=fields)
        return next(iter(batches))

    @property
    def protocol(self) -> dict[str, Any]:
        """What every figure depends on."""
        limit = {} if self.max_examples is None else {"max_examples": self.max_examples}
        return {
            "split": self.split,
            **limit,
            "seed": self.seed,
            "data": self.data.describe(),
            "examples": self.count(),
            "fingerprint": self.fingerprint,
        }

    @property
    def fingerprint(self) -> str:
        """A hash of the examples that are judged; see `fingerprint`."""
        total = self.count()
        n, device = min(total, HASHED), torch.device("cpu")
        size = BATCH  # to be read at once, of which the hash does not depend
        while size > 1 and 4 * size * self.spec.num_dims > BYTES:
            size //= 2
        batches = self.data.batches(self.split, device=device, n=n, batch_size=size)
        return fingerprint(batches, total, BATCH)

    def count(self, n: int | None = None, split: str | None = None) -> int:
        """Return how many examples there are, at most ``n``."""
        limited = self._limited(n, split)
        return len(self.data.batches(split or self.split, n=limited).examples)

    def batches(
        self,
        n: int | None = None,
        split: str | None = None,
        *,
        mean: bool = False,
        fields: Iterable[str] = (),
    ) -> EvalBatches:
        """Return batches over the first ``n`` examples of a split, on the model's device.

        They are of 128, or fewer of a large model, and hold what it reads of an example, all of its
        `fields`.

        Args:
            n: How many at most; ``max_examples`` bounds them too, on the subject's own split.
            split: Another split than the subject's, such as ``train`` for a probe.
            mean: Whether values are their means over the noise; see `EvalBatches`.
            fields: What they hold besides; see `DataModule.batches`.
        """
        return self.data.batches(
            split or self.split,
            device=self.device,
            n=self._limited(n, split),
            batch_size=self.block,
            mean=mean,
            fields=tuple(dict.fromkeys((*self.model.fields, *fields))),
        )

    def _limited(self, n: int | None, split: str | None) -> int | None:
        if split not in (None, self.split) or self.max_examples is None:
            return n
        return min(n or self.max_examples, self.max_examples)

    def track_batches(
        self, what: str, n: int | None = None, split: str | None = None
    ) -> Iterator[Batch]:
        """Yield the same batches and show how far they are."""
        batches = self.batches(n, split)
        return iter(self.track(batches, what, len(batches)))

    def track(self, items: Iterable[T], what: str, total: int) -> Iterable[T]:
        """Give the items back and show how far they are, under a short name."""
        return self.show_progress(items, what, total)

    def examples(
        self, n: int, split: str | None = None, fields: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Return of the examples that `batches` gives all or some fields, on the model's device."""
        known = self.data.examples(split or self.split, self._limited(n, split), fields)
        return {name: column.to(self.device) for name, column in known.items()}

    @torch.no_grad()
    def _codes(self, n: int | None = None, split: str | None = None) -> Codes:
        """Return where the model puts the first ``n`` examples of a split, made only once."""
        batches = self.batches(n, split)
        tracked = self.track(batches, "codes", len(batches))
        z = torch.cat([codes_of(self.model, batch).cpu() for batch in tracked])
        found = batches.examples
        labels, factors = (None if t is None else t.cpu() for t in (found.labels, found.factors))
        return Codes(z, labels, factors)
