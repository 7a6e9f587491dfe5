"""One process per device."""

__all__ = ["data_parallel"]

from datetime import timedelta
from math import isfinite

from lightning.pytorch.strategies import DDPStrategy


def data_parallel(*, timeout: float = 1800.0) -> DDPStrategy:
    """Return the strategy that averages gradients over processes.

    Args:
        timeout: Seconds that a process waits for the others before the run fails, above 0.

    Raises:
        ValueError: If the time is out of range.
    """
    if not (timeout > 0 and isfinite(timeout)):
        raise ValueError(f"timeout must be a finite number above 0; got {timeout}")
    return DDPStrategy(timeout=timedelta(seconds=timeout))
