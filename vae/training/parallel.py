"""One process per device."""

__all__ = ["DataParallel"]

from datetime import timedelta
from math import isfinite

from lightning.pytorch.strategies import DDPStrategy


class DataParallel(DDPStrategy):
    """Averages gradients over processes, none of which waits for another for ever.

    Args:
        timeout: Seconds that a process waits for the others before the run fails, above 0.

    Raises:
        ValueError: If the time is out of range.
    """

    def __init__(self, *, timeout: float = 1800.0) -> None:
        if not (timeout > 0 and isfinite(timeout)):
            raise ValueError(f"timeout must be a finite number above 0; got {timeout}")
        super().__init__(timeout=timedelta(seconds=timeout))
