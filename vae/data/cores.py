"""How many threads read files at once."""

__all__ = ["threads_beside_training", "usable_cores"]

import os
import sys

import torch


def usable_cores() -> int:
    """Return on how many cores this process may run, which can be fewer than the machine has."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_beside_training() -> int:
    """Return how many threads decode while a model trains: half of the cores, or all beside a GPU.

    On a CPU torch computes on all cores at once, and waits for the slowest: as many threads that
    decode would keep every one of them waiting.
    """
    cores = usable_cores()
    return cores if torch.accelerator.is_available() else max(1, cores // 2)
