"""What every metric is given: where points lie in latent space, and the factors that made them."""

__all__ = ["Array", "PointGroup", "checked", "split", "standardised"]

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def checked(codes: ArrayLike, factors: ArrayLike) -> tuple[Array, Array]:
    """Return codes as float64 ``(N, D)`` and factors as int64 ``(N, F)``, values 0, 1, 2, ….

    Args:
        codes: ``(N, D)``, finite; arrays or tensors on the CPU.
        factors: ``(N, F)``, any whole numbers.

    Raises:
        ValueError: If the shapes do not fit, a code is not finite, there are fewer than two
            factors, or a factor takes only one value.
    """
    z, given = np.asarray(codes, dtype=np.float64), np.asarray(factors)
    if z.ndim != 2 or given.ndim != 2 or len(z) != len(given) or 0 in z.shape:
        raise ValueError(f"expected codes (N, D) and factors (N, F); got {z.shape}, {given.shape}")
    if not np.isfinite(z).all():
        raise ValueError("codes must be finite")
    if given.shape[1] < 2:
        raise ValueError(f"expected at least two factors; got {given.shape[1]}")
    v = np.stack([np.unique(column, return_inverse=True)[1] for column in given.T], axis=1)
    if not v.any(axis=0).all():
        constant = np.flatnonzero(~v.any(axis=0)).tolist()
        raise ValueError(f"factors {constant} take only one value; leave them out")
    return z, v.astype(np.int64)


def split(count: int, test_fraction: float, seed: int) -> tuple[Array, Array]:
    """Return the rows for training and the rows for testing, drawn at random."""
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must lie between 0 and 1; got {test_fraction}")
    rows = np.random.default_rng(seed).permutation(count)
    num_test = round(count * test_fraction)
    return rows[num_test:], rows[:num_test]


def standardised(z: Array, reference: Array) -> Array:
    """Return codes ``(N, D)`` scaled by mean and deviation of others; constant ones become 0."""
    deviation = reference.std(axis=0)
    # Of equal numbers rounding leaves a deviation of some 1e-16 of their size.
    varies = deviation > 1e-12 * np.abs(reference).max(axis=0)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies)
    return (z - reference.mean(axis=0)) * scale


class PointGroup:
    """The points by their value of one factor ``(N,)``, to draw points that share a value.

    With stored points a value's examples come from those stored, where drawing anew from a full
    grid of factors would meet a new combination of the other factors each time. If these are
    independent in the data, as in a random part of a grid, the metrics differ only by sampling
    error.

    Raises:
        ValueError: If no two points share a value.
    """

    def __init__(self, values: Array) -> None:
        self.order = np.argsort(values, kind="stable")
        counts = np.bincount(values)
        self.size = counts[values]
        self.start = (np.cumsum(counts) - counts)[values]
        self.place = np.empty_like(self.order)
        self.place[self.order] = np.arange(len(values))
        self.shared = np.flatnonzero(self.size > 1)
        if not len(self.shared):
            raise ValueError("a factor has no value that two points share; leave it out")

    def anchors(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Return rows, each of a value that others have too."""
        return rng.choice(self.shared, shape)

    def others(self, anchors: Array, rng: np.random.Generator) -> Array:
        """Return for each row another one with the same value."""
        step = 1 + rng.integers(self.size[anchors] - 1)
        start = self.start[anchors]
        return self.order[start + (self.place[anchors] - start + step) % self.size[anchors]]

    def same(self, anchors: Array, count: int, rng: np.random.Generator) -> Array:
        """Return for each row ``count`` rows with its value, drawn with replacement."""
        drawn = rng.integers(self.size[anchors, None], size=(len(anchors), count))
        return self.order[self.start[anchors, None] + drawn]
