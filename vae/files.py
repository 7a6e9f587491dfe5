"""Files that survive: written whole or not at all, checked when read, and one run per folder."""

__all__ = ["check_folder", "check_whole", "locked", "remove_leftovers", "replace_durably"]

import fcntl
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

TEMPORARY = ".part"  # ends the name of a file that is being written


def replace_durably(
    path: Path, write: Callable[[IO[bytes]], object], *, previous: Path | None = None
) -> None:
    """Write a file that is there whole or not at all, whatever happens meanwhile.

    It is written beside its place, flushed to the disk, renamed, and the folder is flushed too:
    after a crash at any moment the name stands for the old content or the new one.

    Args:
        path: The file; its folder exists.
        write: Writes the content to an open file.
        previous: Where the file that is replaced goes; ``None`` drops it.

    Raises:
        OSError: If the disk is full or not writable; the old file is as it was.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_whole(path: Path) -> None:
    """Check every byte of a zip archive, such as torch writes, against its checksums (CRC-32).

    Raises:
        ValueError: If the file was cut short or changed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f"{path} is damaged, or no checkpoint: {error}") from error
    if damaged is not None:
        raise ValueError(f"{path} is damaged: the checksum of {damaged} does not fit")


def check_folder(folder: Path, size: int) -> None:
    """Try a folder before hours of work depend on it.

    Args:
        folder: Made if it does not exist.
        size: Bytes that are going to be written.

    Raises:
        OSError: If a file cannot be written there, or there is less room than that.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f"trial{TEMPORARY}"
        replace_durably(trial, lambda file: file.write(b"trial"))
        trial.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write to {folder}: {error.strerror}. Choose another folder: hydra.run.dir=..."
        ) from error
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"checkpoints need {size / 1e6:,.0f} MB and {folder} has {free / 1e6:,.0f} MB free. "
            "Make room or choose another folder: hydra.run.dir=..."
        )


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process was writing to a folder."""
    for path in folder.glob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a folder to this process; the kernel opens the lock when the process ends, however.

    Raises:
        ValueError: If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ValueError(
                f"process {file.read().strip()} is writing to {folder}. Wait for it, or choose "
                "another folder: hydra.run.dir=..."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield
