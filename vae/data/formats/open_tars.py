"""Tar files that stay open from one reading to the next."""

__all__ = ["BLOCK", "OpenTars"]

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import final
from weakref import finalize

BLOCK = 512  # bytes of a tar's unit
MOST = 64  # files that are open at once, of the 1024 that systems allow


class OneTar:
    """A file to read at any place; it is closed when nobody reads it any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.handle = os.open(path, os.O_RDONLY)
        finalize(self, os.close, self.handle)

    def read(self, offset: int, size: int) -> bytes:
        """Return a part of the file; see `OpenTars.read`."""
        content = os.pread(self.handle, size, offset)
        if len(content) != size:
            raise ValueError(f"{self.path} is cut short: write it again, or remove it.")
        return content


@final
class OpenTars:
    """Tar files, read in whatever order and from whatever thread.

    A file is opened when it is first read; of many, those stay open that were read last.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.opened = lru_cache(MOST)(OneTar)
        self.lock = Lock()

    def read(self, file: int, offset: int, size: int) -> bytes:
        """Return a part of a file.

        Args:
            file: Which of the paths.
            offset: Where the part begins, in bytes.
            size: Its length, in bytes.

        Raises:
            ValueError: Naming the file, if it ends before.
            OSError: If there is none.
        """
        with self.lock:  # or two threads would open the same file
            tar = self.opened(self.paths[file])
        return tar.read(offset, size)

    def member(self, place: Sequence[int]) -> tuple[Path, bytes]:
        """Return the name of a member, as if its tar were a folder, and what is in it.

        Args:
            place: Which of the paths, where the member begins there, and its length, in bytes; a
                block that begins with its name stands before it.
        """
        file, offset, size = place
        content = self.read(file, offset - BLOCK, size + BLOCK)
        name = content[:100].partition(b"\0")[0].decode(errors="replace")
        return self.paths[file] / Path(name).name, content[BLOCK:]
