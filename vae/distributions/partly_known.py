"""The class of an example, which is told of some examples and guessed for the others."""

__all__ = ["PartlyKnown"]

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Categorical, OneHotCategorical
from torch.types import _size

NEVER = -1e4  # a logit whose probability is 0, finite: 0 times it is 0


class PartlyKnown(OneHotCategorical):
    """One-hot classes: a net's guess q(y|x), or the class itself where a label tells it.

    Its entropy is 0 where the class is told, and its KL to a prior is −log p(y) there, so that a
    bound of it is the labelled and the unlabelled one in one expression.

    Args:
        logits: Of the guess, ``(B, C)``.
        label: Classes ``(B,)`` int64, below 0 where not known; ``None`` if no label is at hand.
        told: Whether a label that is known is what y is, or only what a guess is compared with.

    Attributes:
        guess: The net's q(y|x), whatever the label.
        known: ``(B,)`` bool, whether a label is known; ``None`` without labels.
    """

    def __init__(self, logits: Tensor, label: Tensor | None = None, *, told: bool = False) -> None:
        self.guess = Categorical(logits=logits, validate_args=False)
        self.label = label
        self.known = None if label is None else label >= 0
        self.told = told and label is not None
        if label is not None and told:
            wrong = label[:, None] != torch.arange(logits.shape[-1], device=logits.device)
            logits = torch.where(label[:, None] >= 0, NEVER * wrong, logits)
        super().__init__(logits=logits, validate_args=False)

    def expand(self, batch_shape: _size, _instance: Any = None) -> OneHotCategorical:
        """Return the distribution with another batch shape, as one that knows of no labels."""
        logits = self.logits.expand(*batch_shape, *self.event_shape)
        return OneHotCategorical(logits=logits, validate_args=False)
