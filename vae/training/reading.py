"""Figures on their way from a device."""

__all__ = ["Reading"]

import torch
from torch import Tensor


class Reading:
    """Values that are copied from a GPU while it goes on.

    Asked for later, they are there without waiting for what was launched after them.

    Args:
        values: ``(N,)``, on any device.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.event: torch.cuda.Event | None = None
        if values.is_cuda:
            self.values = torch.empty_like(values, device="cpu", pin_memory=True)
            self.values.copy_(values, non_blocking=True)
            self.event = torch.cuda.Event()
            self.event.record()

    def tolist(self) -> list[float]:
        """Return the values."""
        if self.event is not None:
            self.event.synchronize()
        found: list[float] = self.values.tolist()
        return found
