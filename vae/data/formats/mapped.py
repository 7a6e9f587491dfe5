"""Files that are mapped into memory, and what becomes of a run whose file is changed meanwhile."""

__all__ = ["MappedFile", "mapped_bytes"]

import os
from pathlib import Path
from typing import final
from weakref import finalize

import torch
from torch import Tensor


@final
class MappedFile:
    """A file of which values are read when they are used: it must stay as it is.

    Where it has become shorter, reading ends the process with SIGBUS, of which no program can make
    a message. So the file is looked at before each reading (`check`), which costs a microsecond;
    one that is cut in the microseconds after that still ends so. A file that another takes the
    place of (by renaming) stays as it was for those that have it open.

    Args:
        path: The file.

    Raises:
        OSError: If there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.handle = os.open(path, os.O_RDONLY)
        finalize(self, os.close, self.handle)
        self.state = self._state()

    def check(self) -> None:
        """Refuse to read on in a file that is not what it was.

        Raises:
            OSError: If its size or the time of its last change is another.
        """
        state = self._state()
        if state != self.state:
            (size, _), (before, _) = state, self.state
            what = f"cut from {before:,} to {size:,} bytes" if size < before else "changed"
            raise OSError(
                f"{self.path} was {what} while it was being read: leave the file alone during a "
                "run. Put it back as it was, then resume=<the run's folder>."
            )

    def _state(self) -> tuple[int, int]:
        stat = os.fstat(self.handle)
        return stat.st_size, stat.st_mtime_ns


def mapped_bytes(path: Path) -> Tensor:
    """Return a file as ``(N,)`` uint8, which stays there until it is used."""
    size = path.stat().st_size
    return torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
