"""No profiling at no cost."""

__all__ = ["NoProfiler"]

from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch.profilers import PassThroughProfiler

NOTHING = nullcontext()


class NoProfiler(PassThroughProfiler):
    """Lightning's default profiler enters a generator around each of some fifty hooks a step.

    This one costs a tenth of a millisecond less per step.
    """

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        """Return a context that does nothing."""
        return NOTHING
