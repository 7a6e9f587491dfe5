"""How long a thread of torch waits busily for the others, which is set before torch is loaded."""

__all__ = ["spin_briefly"]

import os

SPINS = 30_000  # turns of a loop, of GNU OpenMP's 300,000


def spin_briefly() -> None:
    """Let threads that wait for each other give up their core soon, if nobody chose a policy.

    After each operation a thread of GNU OpenMP (of GCC 13 and before) spins for some milliseconds,
    which is right on cores of one's own. Where others want the cores too, it wastes the time of
    those that it waits for: 250 steps of the mlp beside two busy processes took 40 ms each with the
    library's own number of turns, 25 with this one and 19 with 1,000; alone 7.0, 7.5 and 10.0.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
