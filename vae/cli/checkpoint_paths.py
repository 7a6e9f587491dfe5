"""Which checkpoints a user means."""

__all__ = ["find_checkpoints", "named", "run_folder"]

import os
from collections.abc import Sequence
from glob import glob
from pathlib import Path


def find_checkpoints(given: str | Sequence[str]) -> list[Path]:
    """Return the checkpoints that are meant.

    Args:
        given: Checkpoints, run folders, folders of runs such as a sweep's, or patterns of these.

    Raises:
        FileNotFoundError: If one of them leads to none.
    """
    paths: list[Path] = []
    for text in [given] if isinstance(given, str) else given:
        path = Path(text).expanduser()
        matches = [path] if path.exists() else sorted(Path(m) for m in glob(str(path)))
        found = [file for match in matches for file in checkpoints_in(match)]
        if not found:
            raise FileNotFoundError(f"no checkpoint at {path}; give a .ckpt file or a run folder")
        paths += found
    return list(dict.fromkeys(paths))


def checkpoints_in(path: Path) -> list[Path]:
    """Return a file itself, or the best checkpoint of every run in a folder."""
    if path.is_file():
        return [path]
    return sorted(path.glob("**/checkpoints/best.ckpt"))


def named(paths: Sequence[Path]) -> tuple[list[str], Path]:
    """Return a short name for each checkpoint, and the folder that holds them all."""
    runs = [run_folder(path) for path in paths]
    top = Path(os.path.commonpath(runs))
    short = [str(run.relative_to(top)) for run in runs]
    if len(set(short)) < len(short):  # several checkpoints of one run
        short = [f"{name}/{path.stem}" for name, path in zip(short, paths, strict=True)]
    return short, top


def run_folder(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint belongs to, or its own.

    A link on the way is not followed, which may come from somebody else.
    """
    parent = Path(os.path.abspath(checkpoint)).parent
    return parent.parent if parent.name == "checkpoints" else parent
