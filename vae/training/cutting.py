"""What a killed run logged after the checkpoint from which it goes on."""

__all__ = ["cut_events"]

import os
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event

from vae.files import replace_durably

HEADER = struct.Struct("<QI")  # of a record: the length of its data, and a checksum of that
FOOTER = 4  # bytes of the data's checksum
FINAL = ("report/", "test/", "val/best_", "_hparams_/")  # what a run that has ended logs besides


def cut_events(folder: Path, step: int) -> None:
    """Drop from the logs in a folder what the run, going on at a step, is going to log again.

    That are the later steps, and the figures of its end. TensorBoard 2.21 would show them twice:
    the mark that a run began again (``purge_step`` of torch's writer) is heeded when the events
    are read by its library, but not by its server, with ``--load_fast=false`` or without.

    Args:
        folder: Of the run; a file in which there is nothing to drop stays as it is.
        step: The last step to keep.
    """
    for path in sorted(folder.glob("events.out.tfevents.*")):
        kept = b"".join(record for record, event in records(path) if is_kept(event, step))
        if len(kept) < path.stat().st_size:
            replace_durably({path: partial(write, kept)})


def write(content: bytes, file: IO[bytes]) -> None:
    """Write all of a file."""
    file.write(content)


def is_kept(event: Event, step: int) -> bool:
    """Say whether an event is of the part of the run that has been saved."""
    tags = (value.tag for value in event.summary.value)
    return event.step <= step and not any(tag.startswith(FINAL) for tag in tags)


def records(path: Path) -> Iterator[tuple[bytes, Event]]:
    """Yield the records of a log, as they stand there, up to one that was cut short or damaged."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while len(header := file.read(HEADER.size)) == HEADER.size:
            length, _ = HEADER.unpack(header)
            if length + FOOTER > size - file.tell():
                return
            data = file.read(length + FOOTER)
            try:
                event = Event.FromString(data[:length])
            except DecodeError:
                return
            yield header + data, event
