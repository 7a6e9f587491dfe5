"""Mean and width of every dimension of some examples."""

__all__ = ["BLOCK", "moments"]

from collections.abc import Iterator

import torch
from torch import Tensor

from vae.data.source import Examples

BLOCK = 1 << 22  # values that are looked at at once


def moments(examples: Examples) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each dimension, ``(*shape)`` each, on the CPU.

    They are computed in double precision, of deviations from the first example, some examples at a
    time. A dimension that never varies, or less than float32 can say, has width 1.

    Returns:
        The mean, of the type of the examples, and the width, float32.
    """
    first = examples.take(torch.zeros(1, dtype=torch.int64, device=examples.device))
    origin = first[0].cpu().double()
    mean = sum_of(x - origin for x in blocks(examples, origin)) / len(examples)
    square = sum_of((x - origin - mean).square() for x in blocks(examples, origin))
    width = (square / len(examples)).sqrt().float()
    tiny = torch.finfo(torch.float32).tiny
    return (origin + mean).to(first.dtype), torch.where(width < tiny, 1.0, width)


def blocks(examples: Examples, like: Tensor) -> Iterator[Tensor]:
    """Yield the examples in double precision, some at a time."""
    rows = torch.arange(len(examples), device=examples.device)
    for part in rows.split(max(1, BLOCK // like.numel())):
        yield examples.take(part).cpu().double()


def sum_of(parts: Iterator[Tensor]) -> Tensor:
    """Return the sum over all examples, ``(*shape)``."""
    total = next(parts).sum(0)
    for part in parts:
        total += part.sum(0)
    return total
