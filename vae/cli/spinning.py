"""How long a thread of torch waits busily for the others, which is set before torch is loaded."""

__all__ = ["spin_briefly"]

import os

SPINS = 30_000  # turns of a loop, of GNU OpenMP's 300,000


def spin_briefly() -> None:
    """Let threads that wait for each other give up their core soon, if nobody chose a policy.

    After each operation a thread of GNU OpenMP spins for some milliseconds, which is right on cores
    of one's own. Where others want the cores too, it wastes the time of those that it waits for. A
    tenth of the turns loses hardly anything alone and much less beside others, and fewer would lose
    something alone: ``python -m benchmarks.busy``.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
