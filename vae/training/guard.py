"""Steps whose loss or gradient is not finite or too large: skipped, counted, bounded in number."""

__all__ = [
    "Guard",
    "all_finite",
    "drop_if_bad",
    "excess",
    "joint_sum",
    "told_bad",
    "watched_parameters",
]

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.optim import Optimizer

from vae.training.meter import NonFiniteError
from vae.training.reading import Reading

PER_EPOCH = 10  # times the limit in a row
FEW = 4096  # values that are cheaper copied than summed alone
PRODUCTS = (  # layers whose output is linear in their input
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


def watched_parameters(module: nn.Module) -> Iterator[nn.Parameter]:
    """Yield the parameters whose gradients tell whether any is NaN or infinite.

    The gradient of a layer's weight is made of products of the layer's input with the same signal
    whose sum is the bias's gradient. An input that is not finite shows in the loss, a signal that
    is not shows in the bias, so that the weight, of a thousand times the size, need not be read.
    """
    for part in module.modules():
        bias = getattr(part, "bias", None) if isinstance(part, PRODUCTS) else None
        implied = bias is not None and bias.requires_grad
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.requires_grad and not (implied and name == "weight"):
                yield parameter


def joint_sum(values: Sequence[Tensor]) -> Tensor:
    """Return the sum of all values, a scalar, which is NaN or infinite if any of them is.

    Small tensors are summed together: a call costs more than they do.
    """
    parts = [v.flatten() if v.numel() <= FEW else v.sum().view(1) for v in values]
    return torch.cat(parts).sum()


def all_finite(values: Sequence[Tensor]) -> bool:
    """Say whether all values are finite; the one synchronisation of a step.

    A sum is the cheapest look at every value: NaN and infinities come through it. On the CPU each
    is read alone, elsewhere all at once. Lists are faster here than what yields one by one.

    Args:
        values: At least one, all on one device.
    """
    if values[0].is_cpu:
        return isfinite(sum([v.sum().item() for v in values]))
    return isfinite(joint_sum(values).item())


def drop_if_bad(value: Tensor, optimizers: Sequence[Optimizer]) -> Tensor:
    """Let fused optimizers leave out their next step, on their device, if a value is not finite.

    Returns:
        One where the step is left out and zero elsewhere, a scalar on the device.
    """
    bad = (value * 0).nan_to_num(nan=1.0)  # two kernels; `isfinite` alone takes four
    for optimizer in optimizers:  # what torch's GradScaler tells them
        optimizer.found_inf = bad  # type: ignore[attr-defined]
        optimizer.grad_scale = None  # type: ignore[attr-defined]
    return bad


def excess(norm: Tensor, greatest: float | None) -> list[Tensor]:
    """Return what is NaN where the norm of a gradient is too large and zero elsewhere, a scalar.

    Args:
        norm: A scalar. One that is not finite is no matter of this one.
        greatest: The largest that is not; ``None``: nothing is returned.
    """
    if greatest is None:
        return []
    return [torch.where(norm.isfinite() & (norm > greatest), nan, 0.0)]


def told_bad(values: Mapping[str, Tensor], greatest_norm: float | None = None) -> str:
    """Say which value is the first that is NaN or infinite, if one is by itself.

    Args:
        values: By name.
        greatest_norm: Of a gradient, if one above it is skipped too.
    """
    bad = (name for name, value in values.items() if not value.isfinite().all())
    name = next(bad, None)
    if name is None and greatest_norm is not None:
        return f"the norm of the gradient is above gradient_skip={greatest_norm:g}"
    return f"{name or 'the sum of all gradients'} is NaN or infinite"


class Guard:
    """Counts skipped steps and ends a run that has too many.

    Of some steps only the device knows whether it left them out. They are counted a group of steps
    at a time, when the next group has been launched, so that the processor does not wait for it.

    Args:
        limit: Steps in a row, at least 1; ten times as many in one epoch. ``None`` where none is
            ever skipped, nor looked at.
        greatest_norm: Norm of the model's gradient above which a step is skipped, above 0; ``None``
            skips none for it.

    Raises:
        ValueError: If the limit is below 1, the norm not above 0, or one given without a limit.
    """

    def __init__(self, limit: int | None, greatest_norm: float | None = None) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"skip_limit must be at least 1 or null; got {limit}")
        if greatest_norm is not None and not greatest_norm > 0:
            raise ValueError(f"gradient_skip must be above 0 or null; got {greatest_norm}")
        if greatest_norm is not None and limit is None:
            raise ValueError("gradient_skip needs skip_limit, so that it cannot skip for ever")
        self.limit, self.greatest_norm = limit, greatest_norm
        self.in_row = 0
        self.in_epoch = 0
        self.begin()

    def begin(self) -> None:
        """Forget the steps that are not counted yet: another training begins, or one has ended."""
        self.dropped: list[Tensor] = []  # of this group, and the figures of its steps
        self.figures: list[Mapping[str, Tensor]] = []
        self.before: tuple[int, Reading, list[Mapping[str, Tensor]]] | None = None  # this group

    def count(self, step: int, culprit: str | None) -> None:
        """Count a step, and report it if it was skipped.

        Args:
            step: Optimizer steps before it.
            culprit: What was not as it must be, and how; ``None`` if the step was taken.

        Raises:
            NonFiniteError: If it is one too many.
        """
        if culprit is None:
            self.in_row = 0
            return
        assert self.limit is not None
        self.in_row += 1
        self.in_epoch += 1
        if self.in_row >= self.limit or self.in_epoch >= PER_EPOCH * self.limit:
            more = "" if self.greatest_norm is None else "a larger gradient_skip, "
            raise NonFiniteError(
                f"{culprit} at step {step}, the {ordinal(self.in_epoch)} such step of this epoch: "
                f"try {more}a lower optimizer.lr or gradient_clip=1"
            )
        rank_zero_warn(f"step {step} is skipped: {culprit}")

    def count_later(self, dropped: Tensor, figures: Mapping[str, Tensor]) -> None:
        """Let a step of this group be counted when that needs no waiting.

        Args:
            dropped: A scalar on the device, not zero where it left the step out.
            figures: Of the step, among which the culprit is sought then.
        """
        self.dropped.append(dropped)
        self.figures.append(figures)

    def end_group(self, first: int) -> None:
        """Count the steps of the group before this one, which began with the step `first`."""
        self.catch_up()
        if self.dropped:
            self.before = first, Reading(torch.stack(self.dropped)), self.figures
            self.dropped, self.figures = [], []

    def catch_up(self) -> None:
        """Count the steps of the last group that has ended, unless that was done.

        Raises:
            NonFiniteError: If too many were left out.
        """
        if self.before is None:
            return
        (first, dropped, figures), self.before = self.before, None
        for step, (bad, values) in enumerate(zip(dropped.tolist(), figures, strict=True), first):
            terms = {k: v for k, v in values.items() if k.startswith("objective/")}
            self.count(step, told_bad(terms, self.greatest_norm) if bad else None)


def ordinal(n: int) -> str:
    """Write a number as a rank, 1 as 1st."""
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th") if n // 10 % 10 != 1 else "th"
    return f"{n}{suffix}"
