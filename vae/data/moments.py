"""Mean and width of every dimension of some examples, and of every channel of sequences."""

__all__ = ["BLOCK", "moments"]

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vae.batch import known_values
from vae.data.source import Examples

BLOCK = 1 << 22  # values that are looked at at once
Counted = tuple[Tensor, Tensor]  # values (B, *shape), and which count, broadcastable


def moments(examples: Examples) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each dimension, ``(*shape)`` each, on the CPU.

    Of sequences ``(T, *event)``, which have a ``length``, those of each channel over all steps that
    are known, ``(*event)``: neither what stands beyond the length nor what ``mask`` says is missing
    counts.

    They are computed in double precision, of deviations from the first example, some examples at a
    time. A dimension that never varies, or less than float32 can say, has width 1.

    Returns:
        The mean, of the type of the examples, and the width, float32.
    """
    first = examples.take(torch.zeros(1, dtype=torch.int64, device=examples.device))
    of_sequences = "length" in examples.fields
    origin = (first[0, 0] if of_sequences else first[0]).cpu().double()

    def mean_of(function: Callable[[Tensor], Tensor]) -> Tensor:
        total, count = torch.zeros_like(origin), torch.zeros_like(origin)
        for x, counts in blocks(examples, first[0].numel()):
            lead = tuple(range(x.dim() - origin.dim()))
            total += torch.where(counts, function(x), 0.0).sum(lead)
            count += counts.expand(x.shape).sum(lead)
        return total / count.clamp(min=1)

    mean = mean_of(lambda x: x - origin)
    width = mean_of(lambda x: (x - origin - mean).square()).sqrt().float()
    tiny = torch.finfo(torch.float32).tiny
    return (origin + mean).to(first.dtype), torch.where(width < tiny, 1.0, width)


def blocks(examples: Examples, size: int) -> Iterator[Counted]:
    """Yield the examples in double precision, some at a time, and which values count."""
    rows = torch.arange(len(examples), device=examples.device)
    for part in rows.split(max(1, BLOCK // size)):
        x = examples.take(part).cpu().double()
        yield x, known(examples, part, x)


def known(examples: Examples, rows: Tensor, x: Tensor) -> Tensor:
    """Return which values of some examples count, broadcastable with them."""
    length, mask = (examples.column(name) for name in ("length", "mask"))
    if length is None:
        return torch.ones((), dtype=torch.bool)
    here = None if mask is None else mask[rows].cpu()
    found = known_values(x, length[rows].cpu(), here)
    assert found is not None
    return found
