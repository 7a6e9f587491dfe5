"""torch's checks of what distributions are given, which others switch off in the whole process."""

__all__ = ["unchecked"]

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributions import Distribution


@contextmanager
def unchecked() -> Iterator[None]:
    """Leave the checks out of what runs inside, and let them be afterwards as they were before.

    A training step asks for it: a check waits for the device, and its error would be raised where
    the watch over losses is to skip the step. Importing zuko and calling `torch.compile` do the
    same to the whole process and for good, unless they happen in here.
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)
