"""Training, validation and test parts: seeded, disjoint, and the source's own where it has them."""

__all__ = ["Splitter"]

from typing import final

import torch

from vae.checks import check_int
from vae.data.labelling import keep_labels
from vae.data.randomness import permutation
from vae.data.source import Examples, Source, Splits

DEFAULT_SHARE = 0.1


@final
class Splitter:
    """Which examples go where.

    Args:
        source: Whose own parts are kept.
        val_size: A number of examples, a fraction, or ``None``: the source's own, or a tenth.
        test_size: The same for the test part.
        train_size: How many training examples are used; ``None`` means all.
        seed: Seed of the permutation that the parts are cut from, ≥ 0.
        labelled: How many training examples keep their label, equally many of each class; ``None``
            means all.

    Raises:
        ValueError: If a size is out of range, or given for a part that the source has itself.
    """

    def __init__(
        self,
        source: Source,
        val_size: int | float | None,
        test_size: int | float | None,
        train_size: int | None,
        *,
        seed: int,
        labelled: int | None = None,
    ) -> None:
        check_size("data.val_size", val_size)
        check_size("data.test_size", test_size)
        check_int("data.split_seed", seed, low=0)
        check_int("data.train_size", train_size, optional=True)
        for name, size, own in (
            ("val_size", val_size, source.has_val),
            ("test_size", test_size, source.has_test),
        ):
            if own and size is not None:
                raise ValueError(
                    f"{source.spec.name} has a part of its own for data.{name}={size}: "
                    f"use data.{name}=null."
                )
        self.source = source
        self.val_size = val_size
        self.test_size = test_size
        self.train_size = train_size
        self.seed = seed
        self.labelled = labelled

    def split(self, loaded: Splits) -> dict[str, Examples]:
        """Return ``train``, ``val`` and ``test``; those not given are cut from ``loaded.train``.

        Raises:
            ValueError: If no training examples are left, or fewer than ``train_size``, or fewer of
                a class than are to keep their label.
        """
        total = len(loaded.train)
        num_test = 0 if loaded.test is not None else _count(self.test_size, total)
        num_val = 0 if loaded.val is not None else _count(self.val_size, total)
        left = total - num_test - num_val
        wanted = self.train_size or 1
        if total < 1 + (loaded.test is None) + (loaded.val is None):
            raise ValueError(
                f"{self.source.spec.name} holds {total} examples: training, validation and test "
                "take one each at least."
            )
        if left < wanted:
            raise ValueError(
                f"{self.source.spec.name} cannot be split. Of {total} examples, {num_val} for "
                f"validation and {num_test} for test leave {max(left, 0)} to train on, fewer than "
                f"{wanted}: change data.val_size, data.test_size or data.train_size."
            )
        order = permutation(total, self.seed).to(loaded.train.device)
        test, val, train = torch.tensor_split(order, [num_test, num_test + num_val])
        chosen = loaded.train.subset(train[: self.train_size])
        if self.labelled is not None:
            assert chosen.labels is not None
            classes = self.source.spec.num_classes or 0
            chosen.labels = keep_labels(chosen.labels, self.labelled, classes, self.seed)
        return {
            "train": chosen,
            "val": loaded.val or loaded.train.subset(val),
            "test": loaded.test or loaded.train.subset(test),
        }


def check_size(name: str, value: object) -> None:
    """Raise a ``ValueError`` unless ``value`` is None, a count ≥ 1 or a fraction in (0, 1)."""
    if value is None or (isinstance(value, float) and 0 < value < 1):
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(
            f"{name} must be a number of examples (1 or more) or a fraction between 0 and 1; "
            f"got {value!r}."
        )


def _count(size: int | float | None, total: int) -> int:
    share = DEFAULT_SHARE if size is None else size
    return max(1, int(total * share)) if isinstance(share, float) else share
