"""Files that survive: written whole or not at all, checked when read, and one run per folder."""

__all__ = [
    "check_folder",
    "check_links",
    "check_whole",
    "holds_cache",
    "locked",
    "remove_abandoned",
    "remove_leftovers",
    "replace_durably",
]

import fcntl
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

TEMPORARY = ".part"  # ends the name of a file that is being written
# Folders that runs and reports fill; the projector of TensorBoard names its own by the step.
WRITTEN = (".hydra", "checkpoints", "eval", "pictures")


def replace_durably(
    contents: Mapping[Path, Callable[[IO[bytes]], object]], *, previous: Path | None = None
) -> None:
    """Write files that are there whole or not at all, whatever happens meanwhile.

    They are written beside their places and flushed to the disk; then they are renamed, and the
    folder is flushed too: after a crash at any moment a name stands for the old content or the new.

    Args:
        contents: For each file, what writes its content; their folder exists.
        previous: Where a file that is replaced goes; ``None`` drops it.

    Raises:
        OSError: If the disk is full or not writable; the old files are as they were.
    """
    parts = {path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}"): path for path in contents}
    try:
        for part, path in parts.items():
            with part.open("wb") as file:
                hold(file)
                contents[path](file)
                file.flush()
                os.fsync(file.fileno())
        for part, path in parts.items():
            if previous is not None and path.exists():
                os.replace(path, previous)
            os.replace(part, path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    for folder in {path.parent for path in contents}:
        flush_folder(folder)


def hold(file: IO[bytes]) -> None:
    """Lock a file for as long as it is being written; the kernel opens the lock of a dead process.

    Some network file systems know no locks: what is left over there is never removed.
    """
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_abandoned(folder: Path, names: str) -> None:
    """Remove what killed processes were writing to a folder that others are writing to as well.

    Args:
        folder: Which may hold what is not ours.
        names: Of the files that were to be written, with ``*`` for any letters.
    """
    for path in folder.glob(f"{names}{TEMPORARY}"):
        with suppress(OSError), path.open("r+b") as file:  # it is gone, or somebody holds it
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_size:  # one that was opened just now is not held yet, and empty
                path.unlink()


def holds_cache(folder: str) -> bool:
    """Say whether earlier runs kept pictures or an index of shards in a folder."""
    place = Path(folder).expanduser()
    return any(next(place.glob(names), None) for names in ("pictures-*.u8", "shards-*.npz"))


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


def check_folder(folder: Path, size: int, setting: str = "hydra.run.dir=...") -> None:
    """Try a folder before hours of work depend on it.

    Args:
        folder: Made if it does not exist.
        size: Bytes that are going to be written.
        setting: What chooses the folder.

    Raises:
        OSError: If a file cannot be written there, or there is less room than that.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f"trial{TEMPORARY}"
        replace_durably({trial: lambda file: file.write(b"trial")})
        trial.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write to {folder}: {error.strerror}. Choose another folder: {setting}"
        ) from error
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OSError(
            f"checkpoints need {size / 1e6:,.0f} MB and {folder} has {free / 1e6:,.0f} MB free. "
            f"Make room or choose another folder: {setting}"
        )


def check_links(folder: Path) -> None:
    """Refuse to use a folder in which a link would lead what is written or deleted out of it.

    The folder may come from somebody else. It may itself be a link: that is the user's own word.

    Args:
        folder: Of a run or a report; it need not exist.

    Raises:
        ValueError: Naming the link and where it leads.
    """
    top = os.path.realpath(folder)
    for path in written(folder) if folder.is_dir() else ():
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(top):
            raise ValueError(
                f"{path} is a link to {path.readlink()}, out of the folder, so that files there "
                "would be overwritten: replace it by what it stands for, or use another folder"
            )


def written(folder: Path) -> Iterator[Path]:
    """Yield what is in a folder, and in those below it that runs and reports fill."""
    for path in folder.iterdir():
        yield path
        if (path.name in WRITTEN or path.name.isdigit()) and path.is_dir():
            for home, folders, files in os.walk(path):
                yield from (Path(home, name) for name in (*folders, *files))


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process was writing to a folder."""
    for path in folder.glob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)


@contextmanager
def locked(file: Path, folder: Path) -> Iterator[None]:
    """Keep a folder to this process; the kernel opens the lock when the process ends, however.

    Args:
        file: What is locked, and names the process.
        folder: What it stands for.

    Raises:
        ValueError: If another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise ValueError(
                f"process {handle.read().strip()} is writing to {folder}. Wait for it, or choose "
                "another folder: hydra.run.dir=..."
            ) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()} on {os.uname().nodename}")
        handle.flush()
        yield
