"""Random numbers as a pure function of where they are used."""

__all__ = ["Noise", "permutation", "stream_seed", "windowed"]

from typing import final

import torch
from torch import Generator, Tensor

_MASK = (1 << 64) - 1


def stream_seed(*key: int, start: int = 0) -> int:
    """Return a 64-bit seed that is a fixed function of ``key``, for example (seed, epoch, batch).

    Every position of the key is mixed by the SplitMix64 finaliser, so that neighbouring keys give
    unrelated seeds. ``start`` is the seed of the part of the key before these.

    References:
        Fast splittable pseudorandom number generators (Steele, Lea, Flood, 2014).

    Example:
        >>> stream_seed(0, 1) == stream_seed(0, 1), stream_seed(0, 1) == stream_seed(1, 0)
        (True, False)
        >>> stream_seed(1, start=stream_seed(0)) == stream_seed(0, 1)
        True
    """
    state = start
    for part in key:
        state = ((state ^ part) + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def permutation(size: int, *key: int) -> Tensor:
    """Return the permutation ``(size,)`` int64 of 0…size−1 that belongs to ``key``."""
    return torch.randperm(size, generator=Generator().manual_seed(stream_seed(*key)))


def windowed(groups: Tensor, window: int, *key: int) -> Tensor:
    """Return a permutation ``(N,)`` of 0…N−1 in which groups come in turn, some of them together.

    Groups are taken in a random order, `window` at a time, and these are shuffled: with as many as
    there are it is a permutation like any other.

    Args:
        groups: ``(N,)`` int64, the group of each.
        window: How many groups are shuffled together, ≥ 1.
        key: What the permutation belongs to.
    """
    names, place = groups.unique(return_inverse=True)
    turn = permutation(len(names), *key, 0)[place] // window
    order = permutation(len(groups), *key, 1)
    return order[turn[order].argsort(stable=True)]


@final
class Noise:
    """One generator on ``device``, set anew for each use; the global random state is never read."""

    def __init__(self, device: torch.device) -> None:
        self.generator = Generator(device=device)

    def at(self, *key: int) -> Generator:
        """Return the generator, set to the stream of ``key``."""
        return self.generator.manual_seed(stream_seed(*key))
