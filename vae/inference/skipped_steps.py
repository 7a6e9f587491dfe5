"""Steps that were skipped, told once after a quiet run instead of one by one."""

__all__ = ["skips_told_once"]

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

SKIPPED = "is skipped: "  # in the warnings of `vae.training.guard`


@contextmanager
def skips_told_once(steps: int, *, quiet: bool) -> Iterator[None]:
    """Hold back the warnings of skipped steps inside, if the run is quiet.

    Args:
        steps: Of the run.
        quiet: Whether it is.

    Warns:
        UserWarning: How many there were, unless an error tells it.
    """
    if not quiet:
        yield
        return
    seen: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.filterwarnings("always", f".*{SKIPPED}")
            yield
    finally:
        others = [one for one in seen if SKIPPED not in str(one.message)]
        for one in others:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if count := len(seen) - len(others):
        warnings.warn(
            f"{count} of {steps} steps were skipped, where the log-joint or its gradient was not "
            "finite: the fit knows nothing of what lies there",
            stacklevel=2,
        )
