"""Uniform numbers that belong to examples: the same whatever is read beside them, and where."""

__all__ = ["uniform"]

import numpy as np
import torch
from torch import Tensor

from vae.data.randomness import stream_seed

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # SplitMix64
STEP = 2.0**-24  # between neighbouring numbers: floats hold them all


def uniform(rows: Tensor, size: int, *key: int) -> Tensor:
    """Return ``size`` numbers for each row, uniform on [0, 1), ``(B, size)`` float32.

    They are a fixed function of the key, the row and their place in it: those of a row are the
    outputs of SplitMix64 from a state that is itself its output, two from each.

    Args:
        rows: ``(B,)`` int64, on any device; the numbers are the same on each.
        size: How many, at least 1.
        key: Whole numbers, for example a seed.

    References:
        Fast splittable pseudorandom number generators (Steele, Lea, Flood, 2014).

    Example:
        >>> few = uniform(torch.tensor([7]), 3, 0)
        >>> bool((uniform(torch.tensor([4, 7]), 5, 0)[1:, :3] == few).all())
        True
    """
    bits = _bits_cpu if rows.device.type == "cpu" else _bits
    return bits(rows, -(-size // 2), stream_seed(*key))[:, :size].float().mul_(STEP)


def _bits(rows: Tensor, words: int, seed: int) -> Tensor:
    """Return 24 bits from each half of some words per row, ``(B, 2 * words)`` int32."""
    state = _mixed(rows * _signed(GOLDEN) + _signed(seed))
    counter = torch.arange(1, words + 1, device=rows.device) * _signed(GOLDEN)
    halves = _mixed(state[:, None] + counter).view(torch.int32)
    return (halves >> 8) & 0xFFFFFF


def _bits_cpu(rows: Tensor, words: int, seed: int) -> Tensor:
    # 128 × 784 numbers: 150 µs, where the same arithmetic in torch's int64 takes 290.
    golden = np.array(GOLDEN, np.uint64)
    state = _mixed_cpu(rows.numpy().astype(np.uint64) * golden + np.array([seed], np.uint64))
    counter = np.arange(1, words + 1, dtype=np.uint64) * golden
    halves = _mixed_cpu(state[:, None] + counter).view(np.uint32)
    halves >>= np.uint32(8)
    return torch.from_numpy(halves.view(np.int32))


def _mixed(z: Tensor) -> Tensor:
    # Shifts of signed numbers draw copies of the sign in, which are masked away.
    z = (z ^ ((z >> 30) & ((1 << 34) - 1))) * _signed(FIRST)
    z = (z ^ ((z >> 27) & ((1 << 37) - 1))) * _signed(SECOND)
    return z ^ ((z >> 31) & ((1 << 33) - 1))


def _mixed_cpu(z: np.ndarray) -> np.ndarray:
    shifted = z >> np.uint64(30)
    z ^= shifted
    z *= np.uint64(FIRST)
    z ^= np.right_shift(z, np.uint64(27), out=shifted)
    z *= np.uint64(SECOND)
    z ^= np.right_shift(z, np.uint64(31), out=shifted)
    return z


def _signed(number: int) -> int:
    """Return the signed number of 64 bits that stands for one without a sign."""
    return number - (1 << 64) if number >> 63 else number
