"""Steps whose loss or gradient is not finite: skipped, counted, and bounded in number."""

__all__ = ["Guard", "drop_if_bad", "telling", "total"]

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.optim import Optimizer

from vae.training.meter import NonFiniteError

PER_EPOCH = 10  # times the limit in a row
FEW = 4096  # values that are cheaper copied than summed alone
PRODUCTS = (  # layers whose output is linear in their input
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


def telling(module: nn.Module) -> Iterator[nn.Parameter]:
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


def total(values: Sequence[Tensor]) -> Tensor:
    """Return the sum of all values, a scalar, which is NaN or infinite if any of them is.

    Small tensors are summed together: a call costs more than they do.
    """
    parts = [v.flatten() if v.numel() <= FEW else v.sum().view(1) for v in values]
    return torch.cat(parts).sum()


def all_finite(values: Sequence[Tensor]) -> bool:
    """Say whether all values are finite; the one synchronisation of a step.

    A sum is the cheapest look at every value: NaN and infinities come through it. On the CPU each
    is read alone, elsewhere all at once.
    """
    if all(v.is_cpu for v in values):
        return isfinite(sum(v.sum().item() for v in values))
    return isfinite(total(values).item())


def drop_if_bad(looked: Tensor, optimizers: Sequence[Optimizer]) -> Tensor:
    """Let fused optimizers leave out their next step, on their device, if a value is not finite.

    Returns:
        One where the step is left out and zero elsewhere, a scalar on the device.
    """
    bad = (looked * 0).nan_to_num(nan=1.0)  # two kernels; `isfinite` alone takes four
    for optimizer in optimizers:  # what torch's GradScaler tells them
        optimizer.found_inf = bad  # type: ignore[attr-defined]
        optimizer.grad_scale = None  # type: ignore[attr-defined]
    return bad


class Guard:
    """Counts skipped steps and ends a run that has too many.

    Args:
        limit: Steps in a row, at least 1; ten times as many in one epoch.

    Raises:
        ValueError: If the limit is below 1.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"skip_limit must be at least 1 or null; got {limit}")
        self.limit = limit
        self.in_row = 0
        self.in_epoch = 0

    def passes(self, values: Sequence[Tensor]) -> bool:
        """Say whether all values are finite."""
        passed = all_finite(values)
        if passed:
            self.in_row = 0
        return passed

    def skip(self, step: int, values: Mapping[str, Tensor]) -> None:
        """Count and report a skipped step.

        Args:
            step: Optimizer steps so far.
            values: What was looked at, by name.

        Raises:
            NonFiniteError: If it is one too many.
        """
        self.in_row += 1
        self.in_epoch += 1
        wrong = [name for name, value in values.items() if not value.isfinite().all()]
        what = wrong[0] if wrong else "the sum of all gradients"
        if self.in_row >= self.limit or self.in_epoch >= PER_EPOCH * self.limit:
            raise NonFiniteError(
                f"{what} is NaN or infinite at step {step}, the {ordinal(self.in_epoch)} such step "
                "of this epoch: try a lower optimizer.lr or gradient_clip=1"
            )
        rank_zero_warn(f"step {step} is skipped: {what} is NaN or infinite")


def ordinal(n: int) -> str:
    """Write a number as a rank, 1 as 1st."""
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th") if n // 10 % 10 != 1 else "th"
    return f"{n}{suffix}"
