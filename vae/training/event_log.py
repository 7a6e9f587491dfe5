"""TensorBoard's event file, written by the thread that trains."""

__all__ = ["EventLog", "EventWriter"]

import os
import socket
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.writer import FileWriter

NUMBERS = count()  # tell apart the files that one process begins within a second


class EventLog(TensorBoardLogger):
    """Lightning's logger, but an event is in the file when it has been logged.

    TensorBoard's own writer (2.21, ``event_file_writer.py``) leaves that to a thread, which meets a
    full disk first: it prints its stack trace, and the run learns of it at the next event, which
    Lightning 2.6 then reports as a value that it cannot log. Here `OSError` is raised where the
    event is logged. To write a number takes about as long as to hand it to that thread; a picture,
    of which TensorBoard makes a checksum in Python, some 0.5 ms for each kB.

    Args:
        save_dir: The folder of the log.
        name: A folder in it, or nothing.
        version: A folder in that one, or nothing.
        default_hp_metric: Whether hyperparameters without figures are written, under a false one.
    """

    def __init__(
        self, save_dir: str, *, name: str = "", version: str = "", default_hp_metric: bool = False
    ) -> None:
        super().__init__(save_dir, name, version, default_hp_metric=default_hp_metric)
        self.writer: EventWriter | None = None

    @property
    @rank_zero_experiment
    def experiment(self) -> SummaryWriter:
        """What writes to the log; on all processes but the first, what does nothing."""
        if self.writer is None:
            self.writer = EventWriter(self.log_dir)
        return self.writer

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Write numbers by name.

        Raises:
            OSError: If the disk is full.
        """
        for name, value in metrics.items():
            self.experiment.add_scalar(name, value, step)

    def save(self) -> None:
        """Nothing waits; Lightning would write an empty ``hparams.yaml`` before a run begins."""


class EventWriter(SummaryWriter):
    """Torch's writer of summaries, to an `EventFile`."""

    def add_png(self, name: str, encoded: bytes, size: tuple[int, int], step: int) -> None:
        """Write a picture that is PNG already; `add_image` would encode it once more.

        Args:
            name: Of the picture.
            encoded: What a file would hold.
            size: Height and width.
            step: Optimizer steps so far.
        """
        height, width = size
        image = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encoded
        )
        value = Summary.Value(tag=name, image=image)
        self._get_file_writer().add_summary(Summary(value=[value]), step)

    def close(self) -> None:
        """Nothing is open, and what comes later goes to the same file."""

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None:
            self.file_writer: Any = EventFileWriter(self.log_dir)
            self.all_writers: Any = {self.log_dir: self.file_writer}
        return self.file_writer


class EventFileWriter(FileWriter):
    """Torch's writer of events, to an `EventFile`."""

    def __init__(self, folder: str) -> None:
        self.event_writer: Any = EventFile(Path(folder))


class EventFile:
    """A file of TensorBoard's events, each written before `add_event` returns.

    There is no file before the first one: a run that is refused leaves none.

    Args:
        folder: Made by then if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        # As TensorBoard does: files are read in the order of their names.
        moment, number = f"{int(time.time()):010d}", f"{next(NUMBERS):06d}"
        place = f"{moment}.{socket.gethostname()}.{os.getpid()}.{number}"
        self.path = folder / f"events.out.tfevents.{place}"
        self.begun = False

    def get_logdir(self) -> str:
        """Return the folder."""
        return str(self.path.parent)

    def add_event(self, event: Event) -> None:
        """Write an event.

        Raises:
            OSError: If the disk is full.
        """
        if not self.begun:
            self.begun = True
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))
        with self.path.open("ab") as file:
            RecordWriter(file).write(event.SerializeToString())

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""
