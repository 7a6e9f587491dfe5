"""Running means of figures, without a synchronisation per step."""

__all__ = ["Meter", "NegativeKLError", "NonFiniteError", "check_figures", "with_totals"]

from collections.abc import Callable, Mapping
from math import isfinite

import torch
from torch import Tensor

from vae.objectives.penalties.adversary import DISCRIMINATOR
from vae.training.reading import Reading


class NonFiniteError(ArithmeticError):
    """A term of the loss is NaN or infinite; the message names it and the step."""


class NegativeKLError(ArithmeticError):
    """An estimate of the KL lies so far below zero that a density must be wrong."""


# What an estimate of the KL from right densities cannot fall below, by rounding and by chance.
ROUNDING = 1.0  # nats per example
CHANCE = 100.0  # nats of all examples together


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
        self.dropped: list[Tensor] = []
        self.total: Tensor | None = None

    def update(self, values: Mapping[str, Tensor], weight: int) -> None:
        """Add figures of `weight` examples, each a scalar or a tensor to be averaged."""
        self.names = tuple(values)
        self.pending.append([value.detach() for value in values.values()])
        self.weights.append(weight)

    def drop(self, dropped: Tensor) -> dict[str, Tensor]:
        """Leave the figures added last out if this scalar, known on the device, is not zero.

        Said of every step or of none. The figures are returned.
        """
        self.dropped.append(dropped)
        return dict(zip(self.names, self.pending[-1], strict=True))

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
        weights = torch.tensor(self.weights, dtype=means.dtype)
        weights = weights.to(means.device, non_blocking=True)
        if self.dropped:
            out = torch.stack(self.dropped).bool()
            means, weights = means.masked_fill(out, 0), weights.masked_fill(out, 0)
        block = torch.cat([(means * weights).sum(1), weights.sum(0, keepdim=True)])
        self.total = block if self.total is None else self.total + block
        self.pending, self.weights, self.dropped = [], [], []

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
        return self.read(sums)()

    def read(self, sums: Tensor | None = None) -> Callable[[], dict[str, float]]:
        """Start afresh; return what tells the means, which may be on their way.

        They are empty where every step was left out.
        """
        names, reading = self.names, Reading(self.sums() if sums is None else sums)
        self.reset()

        def means() -> dict[str, float]:
            *totals, count = reading.tolist()
            pairs = zip(names, totals, strict=True) if count else ()
            return {name: total / count for name, total in pairs}

        return means


def block_means(values: tuple[Tensor, ...]) -> Tensor:
    """Return the mean of each tensor in double precision, ``(N,)``."""
    if len({v.shape for v in values}) == 1:
        return torch.stack(values).double().reshape(len(values), -1).mean(1)
    return torch.stack([v.double().mean() for v in values])


def check_figures(
    means: Mapping[str, float], num_examples: float, step: int, *, proper: bool = True
) -> None:
    r"""Refuse to go on with a figure that is not a number, or with a KL that is none.

    The mean of p(z)/q(z) over draws of q is at most 1, and so is that of its product over many
    draws. By Markov's inequality their :math:`\sum \log q(z) - \log p(z)` is below −t with a
    probability of at most :math:`e^{-t}`, whatever its variance, also while q and p are learning.

    Args:
        means: The figures, of which ``kl`` is a KL in nats per example.
        num_examples: Of how many examples they are means.
        step: Optimizer steps so far.
        proper: Whether ``kl`` is one of densities; of a model without a prior it is what is left.

    Raises:
        NonFiniteError: Naming the figures and the step.
        NegativeKLError: If the KL lies further below zero than rounding or chance can take it.
    """
    bad = [name for name, value in means.items() if not isfinite(value)]
    if bad:
        raise NonFiniteError(
            f"{', '.join(bad)} became NaN or infinite by step {step}. The last checkpoint before "
            "it is intact; try a lower optimizer.lr or gradient_clip=1."
        )
    kl = means.get("kl", 0.0) if proper else 0.0
    if kl < -ROUNDING and kl * num_examples < -CHANCE:
        raise NegativeKLError(
            f"kl is {kl:,.1f} nats in the mean over {num_examples:,.0f} examples by step {step}, "
            "and no KL is negative: posterior or prior is not the density of what is drawn. Try "
            "trainer.precision=32-true, or another posterior or prior."
        )


def with_totals(means: dict[str, float]) -> dict[str, float]:
    """Return the figures with the true ELBO, whatever the objective, and the loss before them.

    A game's two terms are left out of the loss: they say how well the discriminator plays.
    """
    of_a_game = {name.removesuffix(DISCRIMINATOR) for name in means if name.endswith(DISCRIMINATOR)}
    loss = sum(
        mean
        for name, mean in means.items()
        if name.startswith("objective/") and name.removesuffix(DISCRIMINATOR) not in of_a_game
    )
    return {"elbo": means["log_likelihood"] - means["kl"], "loss": loss, **means}
