"""The folder of a run: taken into use, recorded in once the run is accepted, else left as it was.

Nothing here imports torch: Hydra makes `Folders` before a run begins.
"""

__all__ = ["Folders", "taken"]

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from vae.files import check_links, locked

HYDRA, LOCK = ".hydra", "lock"
SWEEP = "multirun.yaml"  # what Hydra writes into the folder of a sweep


class Folders(Callback):
    """Notes which folders were there before Hydra makes those of a run or of a sweep.

    Attributes:
        top: The folder of the run or of the sweep.
        there: Of it, of those above and of those in it, the ones that were there.
    """

    top = Path("/")
    there = frozenset([Path("/")])

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note what there is before a run."""
        HydraConfig.instance().set_config(config)  # Hydra does so later; the name refers to it
        self.note(config.hydra.run.dir)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note what there is before a sweep."""
        self.note(config.hydra.sweep.dir)

    @staticmethod
    def note(folder: str) -> None:
        """Note what there is of a folder, for the whole process."""
        top = Path(os.path.abspath(folder))
        inside = top.iterdir() if top.is_dir() else ()
        Folders.top = top
        Folders.there = frozenset(path for path in (top, *top.parents, *inside) if path.exists())

    @staticmethod
    def made(folder: Path) -> bool:
        """Say whether a folder is one of these and was not there before."""
        return Folders.top in (folder, folder.parent) and folder not in Folders.there

    @staticmethod
    def leave() -> None:
        """Remove the folders that were made and hold nothing."""
        top = Folders.top
        for path in filter(Folders.made, top.glob("*")):
            with suppress(OSError):  # it holds something, or is a file
                path.rmdir()
        if Folders.made(top) and top.is_dir() and os.listdir(top) == [SWEEP]:
            (top / SWEEP).unlink()
        for path in (top, *top.parents):
            if path in Folders.there:
                return
            with suppress(OSError):  # it holds something, or was never made
                path.rmdir()


@contextmanager
def taken(folder: Path, begun: Callable[[], bool]) -> Iterator[None]:
    """Keep a run's folder to this process; if the run is refused, leave it as it was.

    Args:
        folder: Of the run; Hydra has made it.
        begun: Says at the end whether the run has begun, so that what is there is its own.

    Raises:
        ValueError: If another process has it, or a link in it leads out of it.
    """
    check_links(folder)
    hydra = folder / HYDRA
    new = not hydra.exists()
    with locked(hydra / LOCK, folder):
        try:
            yield
        finally:
            if new and not begun():
                clear(folder)


def clear(folder: Path) -> None:
    """Remove what a run that was never accepted has left in its folder."""
    shutil.rmtree(folder if Folders.made(folder) else folder / HYDRA)
