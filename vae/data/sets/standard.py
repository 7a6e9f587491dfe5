"""What the well-known data sets share: files that are found, or fetched, or asked for by name."""

__all__ = ["Recipe", "StandardSet"]

import pickle
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import final

from vae.checks import check_bool
from vae.data.source import Splits
from vae.spec import DataSpec

# Per answer of a server, not per file: a silent server ends a download, a slow one does not.
TIMEOUT_SECONDS = 10.0


@final
@dataclass(frozen=True)
class Recipe:
    """How one data set is found and read.

    Args:
        spec: What it holds.
        files: What must lie under the root, relative to it; ``*`` stands for any letters.
        read: From the root to the examples.
        fetch: Downloads into the root; ``None`` if the set must be placed by hand.
        has_val: Whether it has a validation set of its own.
        has_test: Whether it has a test set of its own.
        needs: A package that reads its files and is not always installed.
    """

    spec: DataSpec
    files: tuple[str, ...]
    read: Callable[[Path], Splits]
    fetch: Callable[[Path], None] | None
    has_val: bool = False
    has_test: bool = True
    needs: str | None = None


class StandardSet(ABC):
    """A well-known data set, kept as bytes: a `Source`.

    Args:
        root: The folder of torchvision's layout; ``~`` is the home folder.
        download: Whether missing files may be downloaded.
    """

    def __init__(self, root: str = "data", *, download: bool = True) -> None:
        check_bool("data.download", download)
        self.root = Path(root).expanduser().absolute()
        self.download = download
        self.recipe = self.make_recipe()
        self.has_val = self.recipe.has_val
        self.has_test = self.recipe.has_test

    @abstractmethod
    def make_recipe(self) -> Recipe:
        """Say how this set is found and read; called once, by the constructor."""

    @property
    def spec(self) -> DataSpec:
        """What the data set holds; known without its files."""
        return self.recipe.spec

    def prepare(self) -> None:
        """Download what is missing.

        Raises:
            FileNotFoundError: If files are missing and cannot be downloaded.
            ValueError: If a package is missing that reads them.
        """
        if self._missing():
            reason = self._fetch()
            if self._missing():
                raise FileNotFoundError(self._advice(reason))
        needs = self.recipe.needs
        if needs is not None and find_spec(needs) is None:
            raise ValueError(f"{self.spec.name} needs the package {needs}: pip install {needs}")

    def load(self) -> Splits:
        """Read the files.

        Raises:
            FileNotFoundError: If files are missing and cannot be downloaded.
            ValueError: If a file is damaged.
        """
        self.prepare()
        try:
            return self.recipe.read(self.root)
        except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
            raise ValueError(
                f"{self.spec.name} in {self.root} cannot be read ({error}): delete its files "
                "there and download or place them again."
            ) from error

    def _missing(self) -> list[str]:
        return [name for name in self.recipe.files if not any(self.root.glob(name))]

    def _fetch(self) -> str:
        if self.recipe.fetch is None:
            return "this data set is not downloaded automatically"
        if not self.download:
            return "data.download=false"
        try:
            with impatient_sockets():
                self.recipe.fetch(self.root)
        except (OSError, RuntimeError, HTTPException) as error:
            return f"the download failed: {' '.join(str(error).split()) or type(error).__name__}"
        return "the download brought other files"

    def _advice(self, reason: str) -> str:
        missing = ", ".join(self._missing())
        return (
            f"{self.spec.name} needs {missing} in {self.root}, and {reason}. Place them there, set "
            "data.root to the folder that holds them, or use data=sprites, which needs no files."
        )


@contextmanager
def impatient_sockets() -> Iterator[None]:
    # torchvision opens its connections without a time-out.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
