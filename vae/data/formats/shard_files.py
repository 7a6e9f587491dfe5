"""Which tar files of a folder are which part, and whether the labels of the parts agree."""

__all__ = ["check_labels", "part_folders", "tar_files"]

import shlex
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vae.data.formats.folder import PARTS
from vae.data.labels import MAX_CLASSES

TARS = "*.tar"
PACKED = {  # ends of the names of packed tar files, and what unpacks these to plain ones
    **dict.fromkeys((".tar.gz", ".tgz"), "gunzip"),
    **dict.fromkeys((".tar.bz2", ".tbz2", ".tbz"), "bunzip2"),
    **dict.fromkeys((".tar.xz", ".txz"), "unxz"),
    **dict.fromkeys((".tar.zst", ".tzst"), "unzstd"),
}


def part_folders(root: Path) -> dict[str, list[Path]]:
    """Return the folders in a folder that are called like parts, by part."""
    found: dict[str, list[Path]] = {}
    for folder in inner_folders(root):
        if part := PARTS.get(folder.name.lower()):
            found.setdefault(part, []).append(folder)
    return found


def inner_folders(root: Path) -> list[Path]:
    """Return the folders in a folder, but hidden ones."""
    if not root.is_dir():
        return []
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))


def tar_files(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the tar files of each part: those in its folder, or for training those in ``root``.

    Raises:
        FileNotFoundError: If there is no such folder, or no tar file in it.
        ValueError: If tar files lie where they would not be read, or two folders are one part.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: set data.root to your shards.")
    found = {part: part_files(root, folders) for part, folders in part_folders(root).items()}
    direct = tars_in(root)
    if found.get("train") and direct:
        raise ValueError(
            f"{root} holds {direct[0].name} and besides it a folder {found['train'][0].parent.name}"
            " of tar files: move the ones to the others, or one of them away."
        )
    found["train"] = found.get("train") or direct
    for part, files in found.items():
        if not files:
            place = root if part == "train" else part_folders(root)[part][0]
            raise FileNotFoundError(f"No tar files in {place}: shards are called {TARS}.")
    check_others(root, {file.parent for files in found.values() for file in files} | {root})
    return found


def tars_in(folder: Path) -> tuple[Path, ...]:
    """Return the tar files that lie directly in a folder, in the order of their names.

    Raises:
        ValueError: If one is packed: what is in it can only be read from its beginning.
    """
    files = sorted(folder.iterdir())
    for file in files:
        if tool := unpacked_by(file):
            raise ValueError(
                f"{file} is packed, and shards are read at any place: unpack it to a plain .tar "
                f"({tool} {shlex.quote(str(file))})."
            )
    return tuple(file for file in files if is_tar(file))


def is_tar(file: Path) -> bool:
    """Say whether a file is called like a tar file, in whatever case."""
    return file.suffix.lower() == ".tar"


def unpacked_by(file: Path) -> str | None:
    """Return the program that unpacks a tar file; ``None`` if it is not packed."""
    return next((tool for end, tool in PACKED.items() if file.name.lower().endswith(end)), None)


def part_files(root: Path, folders: list[Path]) -> tuple[Path, ...]:
    """Return the tar files of the one of these folders that has any."""
    filled = [files for folder in folders if (files := tars_in(folder))]
    if len(filled) > 1:
        one, two = (files[0].parent.name for files in filled[:2])
        raise ValueError(f"{root} holds {one} and {two}, which are one part: join or rename them.")
    return filled[0] if filled else ()


def check_others(root: Path, read: set[Path]) -> None:
    """Refuse tar files in folders that are not read."""
    for folder in inner_folders(root):
        for file in folder.rglob("*"):
            if (is_tar(file) or unpacked_by(file)) and file.parent not in read:
                raise ValueError(
                    f"{file} lies in a folder that is not read: move it to {root}, or to a folder "
                    f"train, val or test there, or set data.root={file.parent}."
                )


def check_labels(root: Path, labels: Mapping[str, np.ndarray]) -> None:
    """Refuse labels of some parts alone, and numbers that are no classes.

    Args:
        root: The folder, for messages.
        labels: ``(N,)`` from 0 up, by part; of length 0 if it has none.

    Raises:
        ValueError: If they cannot be used.
    """
    given = [part for part, found in labels.items() if len(found)]
    without = [part for part in labels if part not in given]
    if given and without:
        raise ValueError(
            f"{root}: {given[0]} has labels (.cls) and {without[0]} has none: give all parts "
            "labels, or none."
        )
    if not given:
        return
    numbers = np.unique(np.concatenate(list(labels.values())))
    # Of many classes some may be missing here, but not most.
    if numbers[-1] >= max(MAX_CLASSES, 2 * len(numbers)):
        raise ValueError(
            f"{root}: the labels (.cls) reach {numbers[-1]:,} but take only {len(numbers):,} "
            "values: number the classes from 0 without gaps."
        )
