"""Bernoulli draws of grey values: P(1) of a byte v is v/255."""

__all__ = ["bernoulli", "threshold"]

import numpy as np
import torch
from torch import Generator, Tensor


def bernoulli(x: Tensor, generator: Generator) -> Tensor:
    """Draw every value as 0 or 1 with P(1) = x/255 (bytes) or P(1) = x (floats in [0, 1]).

    Args:
        x: ``(B, *shape)`` uint8 or float32.
        generator: Source of randomness, on the device of ``x``.

    Returns:
        ``(B, *shape)`` uint8, zeros and ones.
    """
    if x.dtype != torch.uint8:
        return (torch.rand(x.shape, generator=generator, device=x.device) < x).view(torch.uint8)
    uniform = _uniform255_cpu if x.device.type == "cpu" else _uniform255
    return (uniform(x.shape, generator) < x).view(torch.uint8)


def threshold(x: Tensor) -> Tensor:
    """Return 1 where x/255 (bytes) or x (floats) lies above one half, as uint8."""
    return (x > (127 if x.dtype == torch.uint8 else 0.5)).view(torch.uint8)


def _uniform255(shape: torch.Size, generator: Generator) -> Tensor:
    return torch.randint(
        255, shape, dtype=torch.uint8, generator=generator, device=generator.device
    )


def _uniform255_cpu(shape: torch.Size, generator: Generator) -> Tensor:
    # 128 × 784 bytes on two busy cores, fastest of 1,500: torch.bernoulli of floats 1,400 µs,
    # torch.rand and a comparison 400, torch.randint(255) and a comparison 320; the bytes of 64-bit
    # words, with the one in 256 that is 255 drawn again, 145, and it is as exact. The search is
    # numpy's, since torch's `nonzero` takes five times as long.
    size = shape.numel()
    words = torch.empty((size + 7) // 8, dtype=torch.int64)
    noise = words.random_(-(2**63), None, generator=generator).view(torch.uint8)[:size]
    values = noise.numpy()
    again = np.flatnonzero(values == 255)
    values[again] = _uniform255(torch.Size(again.shape), generator).numpy()
    return noise.view(shape)
