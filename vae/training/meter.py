"""Running means of figures, without a synchronisation per step."""

__all__ = ["Meter", "NonFiniteError", "check_finite"]

from collections.abc import Mapping
from math import isfinite

import torch
from torch import Tensor


class NonFiniteError(ArithmeticError):
    """A term of the loss is NaN or infinite; the message names it and the step."""


class Meter:
    """Collects figures on their device and averages them when asked.

    `update` only keeps references to detached tensors, which costs nothing on the device; they are
    averaged in blocks. Every update brings the same figures, in the same order.
    """

    BLOCK = 64

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.names: tuple[str, ...] = ()
        self.pending: list[list[Tensor]] = []
        self.weights: list[int] = []
        self.total: Tensor | None = None

    def update(self, values: Mapping[str, Tensor], weight: int) -> None:
        """Add figures of `weight` examples, each a scalar or a tensor to be averaged."""
        self.names = tuple(values)
        self.pending.append([value.detach() for value in values.values()])
        self.weights.append(weight)

    def last(self, position: int) -> dict[str, Tensor]:
        """Return figures added since the last `settle`; position −1 is the last of them."""
        return dict(zip(self.names, self.pending[position], strict=True))

    def forget(self, position: int, count: int = 1) -> None:
        """Take back some figures added since the last `settle`, from a position on."""
        start = len(self.weights) + position
        del self.pending[start : start + count], self.weights[start : start + count]

    def settle(self) -> None:
        """Average what is pending if it is much: figures before this stay."""
        if len(self.weights) >= self.BLOCK:
            self.collect()

    def collect(self) -> None:
        """Add what is pending to the total, in double precision."""
        if not self.weights:
            return
        means = torch.stack([block_means(values) for values in zip(*self.pending, strict=True)])
        weights = means.new_tensor(self.weights)
        block = torch.cat([(means * weights).sum(1), weights.sum(0, keepdim=True)])
        self.total = block if self.total is None else self.total + block
        self.pending, self.weights = [], []

    @property
    def empty(self) -> bool:
        """Whether there is nothing to average."""
        return self.total is None and not self.weights

    def sums(self) -> Tensor:
        """Return the weighted sums and, last, the total weight: what ranks add up."""
        self.collect()
        if self.total is None:
            raise ValueError("nothing was measured")
        return self.total

    def means(self, sums: Tensor | None = None) -> dict[str, float]:
        """Return the means of these sums, or of one's own, and start afresh."""
        *totals, count = (self.sums() if sums is None else sums).tolist()
        names = self.names
        self.reset()
        return {name: total / count for name, total in zip(names, totals, strict=True)}


def block_means(values: tuple[Tensor, ...]) -> Tensor:
    """Return the mean of each tensor in double precision, ``(N,)``."""
    if len({v.shape for v in values}) == 1:
        return torch.stack(values).double().reshape(len(values), -1).mean(1)
    return torch.stack([v.double().mean() for v in values])


def check_finite(means: dict[str, float], step: int) -> None:
    """Refuse to go on with a figure that is not a number.

    Raises:
        NonFiniteError: Naming the figures and the step.
    """
    bad = [name for name, value in means.items() if not isfinite(value)]
    if bad:
        raise NonFiniteError(
            f"{', '.join(bad)} became NaN or infinite by step {step}. The last checkpoint before "
            "it is intact; try a lower optimizer.lr or gradient_clip=1."
        )
