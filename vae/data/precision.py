"""In how many bits numbers are kept."""

__all__ = ["narrowed"]

import numpy as np

FINE = 1e-5  # of the range of a column: what a step of float32 may take of it


def narrowed(x: np.ndarray) -> np.ndarray:
    """Return numbers as float32, or as float64 where vectors lose their differences by that.

    Time stamps of this century lie 128 s apart in float32. What is refused by range (beyond 3e38
    they become infinite) or by value (NaN) is left to the check of all values.

    Args:
        x: Real numbers, ``(N, *shape)``; of vectors ``(N, D)`` each column is looked at.
    """
    if x.ndim == 2 and not np.can_cast(x.dtype, np.float32):
        low, high = (v.astype(np.float64) for v in (x.min(0), x.max(0)))
        size = np.maximum(abs(low), abs(high))
        with np.errstate(all="ignore"):
            steps = size * np.finfo(np.float32).eps
            lost = (high > low) & (steps > FINE * (high - low))
        if lost.any() and size.max() < np.finfo(np.float32).max:
            return x.astype(np.float64, copy=False)
    with np.errstate(over="ignore"):
        return x.astype(np.float32, copy=False)
