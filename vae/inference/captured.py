"""A function of one vector, recorded once and run for many rows without the code that wrote it.

Packages that trace a program at every call (Pyro's handlers, checks of distributions, `torch.vmap`)
pay for it at every step, as does torch for the derivative of many small operations. What they
compute are the same operations each time: these are recorded with those of the gradient, and both
are compared with the function's own before they are used.
"""

__all__ = ["Captured"]

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.func import functionalize, grad_and_value

from vae.inference.recording import recorded, simplify

Function = Callable[[Tensor], Tensor]
Both = Callable[[Tensor], tuple[Tensor, Tensor]]
OFTEN = 3  # calls with as many rows, from which on they are recorded as so many
TOLERANCE = 1e4  # times the unit roundoff
FAILURES = (RuntimeError, TypeError, ValueError, AttributeError)


class Captured:
    """A function of one vector, ``(D,) -> ()``, for rows of them, ``(*lead, D) -> lead``.

    A function that cannot be recorded (Python's control flow on values, its own randomness) is
    called row by row instead, which is right and slow. Gradients are of the first order.

    Args:
        function: What is evaluated; its data are constants.

    Attributes:
        reason: Why rows are taken one by one; empty where they are not.

    Example:
        >>> square = Captured(lambda u: (u**2).sum())
        >>> square(torch.ones(2, 3, 4)).shape, square.reason
        (torch.Size([2, 3]), '')
        >>> branch = Captured(lambda u: u.sum() if u[0] > 0 else -u.sum())
        >>> branch(torch.tensor([[1.0, 2.0], [-1.0, 2.0]])).tolist(), bool(branch.reason)
        ([3.0, -1.0], True)
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        self.reason = ""
        self.of_rows: dict[tuple[Any, ...], Function] = {}
        self.with_gradient: dict[tuple[Any, ...], Both] = {}
        self.calls: Counter[tuple[Any, ...]] = Counter()

    def __call__(self, u: Tensor) -> Tensor:
        """Evaluate rows ``(*lead, D)``."""
        rows = u.reshape(-1, u.shape[-1])
        if not self.reason:
            try:
                return self.recording(rows)(rows).view(u.shape[:-1])
            except NotRecorded as error:
                self.reason = str(error)
        return self.one_by_one(rows).view(u.shape[:-1])

    def one_by_one(self, rows: Tensor) -> Tensor:
        """Evaluate rows ``(N, D)`` one after the other."""
        return torch.stack([self.function(row) for row in rows])

    def recording(self, rows: Tensor) -> Function:
        """Return what evaluates rows of this type and device, quickly if often so many.

        Raises:
            NotRecorded: If the function cannot be recorded.
        """
        kind = (rows.dtype, rows.device)
        key = (*kind, len(rows))
        if kind not in self.of_rows:
            self.of_rows[kind] = tried(self.record, rows.detach())
        if not (rows.requires_grad and torch.is_grad_enabled()):
            return self.of_rows[kind]
        self.calls[key] += 1
        if self.calls[key] < OFTEN:
            return self.of_rows[kind]
        if key not in self.with_gradient:
            self.with_gradient[key] = tried(self.record_both, rows.detach())
        return lambda given: WithGradient.apply(self.with_gradient[key], given)

    def record(self, rows: Tensor) -> Function:
        """Record the function, and compare it at the first row and beside it."""
        many = torch.vmap(recorded(self.function, rows[0]))
        compare(lambda u: slopes_and_values(many, u), self.one_by_one, rows[:1])
        return many

    def record_both(self, rows: Tensor) -> Both:
        """Record values ``(N,)`` and gradients ``(N, D)`` of so many rows."""
        many = self.of_rows[rows.dtype, rows.device]

        def summed(u: Tensor) -> tuple[Tensor, Tensor]:
            values = many(u)
            return values.sum(), values

        def both(u: Tensor) -> tuple[Tensor, Tensor]:
            slopes, (_, values) = grad_and_value(summed, has_aux=True)(u)
            return slopes, values

        module = recorded(functionalize(both), rows)
        simplify(module, rows)
        compare(module, many, rows)
        return module


class NotRecorded(Exception):
    """Says why a function is not recorded."""


class WithGradient(torch.autograd.Function):
    """What returns gradients with its values."""

    @staticmethod
    def forward(ctx: FunctionCtx, both: Both, rows: Tensor) -> Tensor:
        """Return the values ``(N,)``."""
        slopes, values = both(rows)
        ctx.save_for_backward(slopes)
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[None, Tensor]:
        """Return the gradient of the rows."""
        (slopes,) = ctx.saved_tensors
        return None, weights[:, None] * slopes


def tried(record: Callable[[Tensor], Any], rows: Tensor) -> Any:
    """Return a recording.

    Raises:
        NotRecorded: If there is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*performance drop.*")  # operations without a vmap
            return record(rows)
    except (*FAILURES, UserWarning) as error:
        raise NotRecorded(f"{type(error).__name__}: {error}") from error


def compare(recording: Both, function: Function, rows: Tensor) -> None:
    """Compare slopes and values of rows and of others beside them.

    Raises:
        RuntimeError: If the recording is another function.
    """
    steps = torch.arange(rows.numel(), device=rows.device).view_as(rows).to(rows)
    for given in (rows, rows + 0.1 * torch.cos(steps)):
        for ours, theirs in zip(recording(given), slopes_and_values(function, given), strict=True):
            if not close(ours.detach(), theirs):
                raise RuntimeError("its recording has other values")


def slopes_and_values(function: Function, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return gradients ``(N, D)`` and values ``(N,)`` of a function."""
    rows = rows.detach().clone().requires_grad_()
    with torch.enable_grad():
        values = function(rows)
        (slopes,) = torch.autograd.grad(values.sum(), rows)
    return slopes, values.detach()


def close(a: Tensor, b: Tensor) -> bool:
    """Say whether two tensors are the same but for rounding."""
    size = torch.where(b.isfinite(), b.abs(), 0.0).max().clamp_min(1.0)
    allowed = TOLERANCE * torch.finfo(b.dtype).eps * float(size)
    return torch.allclose(a, b, rtol=0.0, atol=allowed, equal_nan=True)
