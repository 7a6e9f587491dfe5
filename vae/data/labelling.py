"""Few labels among many examples: which are kept, and in what share batches hold them."""

__all__ = ["LabelledShare", "check_labelled", "keep_labels"]

from typing import Any

import torch
from torch import Tensor

from vae.batch import UNLABELLED
from vae.checks import check_int
from vae.data.randomness import permutation
from vae.spec import DataSpec

DEFAULT_SHARE = 0.1


def check_labelled(count: int | None, share: Any, spec: DataSpec) -> None:
    """Refuse a number of labels that such data cannot keep, and a share that is none.

    Raises:
        ValueError: If the data have no classes, or there is not a label for each of them.
    """
    if share is not None and not (isinstance(share, float) and 0 < share < 1):
        raise ValueError(f"data.labelled_share must be a fraction between 0 and 1; got {share!r}")
    check_int("data.labelled", count, optional=True)
    if count is None and share is not None:
        raise ValueError(
            f"data.labelled_share={share} is how much of a batch has a label where only some "
            "examples have one: give data.labelled as well, or leave it null"
        )
    if count is None:
        return
    if spec.num_classes is None:
        raise ValueError(
            f"data {spec.name} have no labels to keep {count} of: leave data.labelled null, or use "
            "data with labels"
        )
    if count < spec.num_classes:
        raise ValueError(
            f"data.labelled={count} is less than one label for each of the {spec.num_classes} "
            f"classes of data {spec.name}: use data.labelled={spec.num_classes} or more"
        )


def keep_labels(labels: Tensor, count: int, num_classes: int, seed: int) -> Tensor:
    """Return labels of which all but some of each class are replaced by `UNLABELLED`.

    The first of each class keep theirs, equally many; where that leaves a rest, one more of some
    classes, which the seed picks.

    Args:
        labels: ``(N,)`` int64, in a random order.
        count: How many are kept, from ``num_classes`` to N.
        num_classes: How many classes there are.
        seed: Of the choice of classes that keep one more.

    Raises:
        ValueError: If a class has fewer examples than are to keep their label.
    """
    if count > len(labels):
        raise ValueError(
            f"data.labelled={count} is more than the {len(labels)} training examples: use less, or "
            "null for all"
        )
    each, rest = divmod(count, num_classes)
    wanted = torch.full((num_classes,), each)
    wanted[permutation(num_classes, seed)[:rest]] += 1
    kept = torch.full_like(labels, UNLABELLED)
    for label, number in enumerate(wanted.tolist()):
        members = (labels == label).nonzero()[:number, 0]
        if len(members) < number:
            raise ValueError(
                f"data.labelled={count} keeps {number} labels of class {label}, which has "
                f"{len(members)} training examples: use less, or null for all"
            )
        kept[members] = label
    return kept


class LabelledShare:
    """Batches of which a fixed share is labelled: these are drawn again and again.

    An epoch reads each example without a label once; labelled ones come in one permutation after
    the other. At random a batch of 128 out of 55,000 with 100 labels would mostly hold none.

    Args:
        labels: ``(N,)`` int64, `UNLABELLED` where not known; some are known, and some are not.
        batch_size: Examples per batch, at least 2.
        share: How much of it is labelled, in (0, 1), at least one example and not all; ``None``: a
            tenth.

    Raises:
        ValueError: If a batch has no place for both.
    """

    def __init__(self, labels: Tensor, batch_size: int, share: float | None) -> None:
        if batch_size < 2:
            raise ValueError(
                "a batch holds examples with and without a label: use data.batch_size=2 or more"
            )
        self.known = (labels >= 0).nonzero()[:, 0].cpu()
        self.others = (labels < 0).nonzero()[:, 0].cpu()
        self.num_known = min(max(1, round((share or DEFAULT_SHARE) * batch_size)), batch_size - 1)
        self.num_others = batch_size - self.num_known

    def num_batches(self, world_size: int, *, drop_last: bool) -> int:
        """Return how many batches each process reads; a last one is filled up, or left out."""
        each = len(self.others) // world_size if drop_last else -(-len(self.others) // world_size)
        return each // self.num_others if drop_last else -(-each // self.num_others)

    def order(self, total: int, rank: int, world_size: int, *key: int) -> Tensor:
        """Return the examples of ``total`` batches one after the other, ``(total * batch_size,)``.

        Args:
            total: How many batches.
            rank: Which of the processes this is.
            world_size: How many share the examples.
            key: What the order is drawn from.
        """
        place = rank + world_size * torch.arange(total * self.num_others)
        others = self.others[permutation(len(self.others), *key)][place % len(self.others)]
        wanted = total * self.num_known
        rounds = -(-wanted // len(self.known))
        turns = [permutation(len(self.known), *key, rank, turn) for turn in range(rounds)]
        known = self.known[torch.cat(turns)[:wanted]]
        both = [others.view(total, -1), known.view(total, -1)]
        return torch.cat(both, 1).flatten()
