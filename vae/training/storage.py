"""How Lightning's checkpoints reach the disk and come back."""

__all__ = ["LAST", "PREVIOUS", "DurableCheckpoints", "newest"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from vae.files import replace_durably
from vae.saved import all_finite, read_checkpoint
from vae.training.meter import NonFiniteError

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"


class DurableCheckpoints(TorchCheckpointIO):
    """Writes checkpoints whole or not at all, keeps the last two, and reads only plain values.

    What torch writes holds a checksum of every record; they are compared before it is read.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint; one called ``last.ckpt`` leaves the one before as ``previous.ckpt``.

        Raises:
            NonFiniteError: If a weight is NaN or infinite; nothing is written.
            OSError: If the disk is full or not writable; what was there stays.
        """
        path = Path(path)
        check_weights(checkpoint, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        previous = path.with_name(PREVIOUS) if path.name == LAST else None
        try:
            replace_durably({path: lambda file: torch.save(checkpoint, file)}, previous=previous)
        except (OSError, RuntimeError) as error:  # of torch's writer, where the disk is full
            raise OSError(f"cannot write {path}: {error}") from error

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint of this framework onto the CPU, without running code from it.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is not a whole checkpoint of this framework.
        """
        return read_checkpoint(path)


def check_weights(checkpoint: dict[str, Any], path: Path) -> None:
    """Refuse to save weights that are of no use."""
    for name, value in checkpoint["state_dict"].items():
        if not all_finite(value):
            raise NonFiniteError(
                f"the weight {name} is NaN or infinite, so {path.name} was not saved; try a lower "
                "optimizer.lr"
            )


def newest(folder: Path) -> Iterator[Path]:
    """Yield the checkpoints of a run that may be gone on from, the newest first."""
    found = [path for path in (folder / LAST, folder / PREVIOUS) if path.is_file()]
    yield from sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)
