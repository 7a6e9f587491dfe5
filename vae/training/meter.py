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
    averaged in blocks.
    """

    BLOCK = 64

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.pending: dict[str, list[Tensor]] = {}
        self.weights: list[int] = []
        self.total: Tensor | None = None

    def update(self, values: Mapping[str, Tensor], weight: int) -> None:
        """Add figures of `weight` examples, each a scalar or a tensor to be averaged."""
        for name, value in values.items():
            self.pending.setdefault(name, []).append(value.detach())
        self.weights.append(weight)

    def forget(self, count: int) -> None:
        """Take back the last figures, as many as were added since the last `settle`."""
        for values in (self.weights, *self.pending.values()):
            del values[-count:]  # type: ignore[attr-defined]

    def settle(self) -> None:
        """Average what is pending if it is much: figures before this stay."""
        if len(self.weights) >= self.BLOCK:
            self.collect()

    def collect(self) -> None:
        """Add what is pending to the total, in double precision."""
        if not self.weights:
            return
        means = torch.stack([block_means(values) for values in self.pending.values()])
        weights = means.new_tensor(self.weights)
        block = torch.cat([(means * weights).sum(1), weights.sum(0, keepdim=True)])
        self.total = block if self.total is None else self.total + block
        self.pending = {name: [] for name in self.pending}
        self.weights = []

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
        names = list(self.pending)
        self.reset()
        return {name: total / count for name, total in zip(names, totals, strict=True)}


def block_means(values: list[Tensor]) -> Tensor:
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
