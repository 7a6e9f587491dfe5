"""A job that several processes share: the command they repeat, and what it leaves behind."""

__all__ = ["shared_job"]

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import read_write

PLACES = ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE")


@contextmanager
def shared_job() -> Iterator[None]:
    """Let the further processes of a job do that job alone, and the next job start its own.

    Lightning starts each further process with this process's arguments and ``hydra.run.dir``. Of a
    sweep, that would be the whole sweep again, in another folder.
    """
    arguments = sys.argv
    places = {name: os.environ.get(name) for name in PLACES}
    job = HydraConfig.get()
    if job.mode is RunMode.MULTIRUN:
        sys.argv = [arguments[0], *job.overrides.task]
        with read_write(job):  # type: ignore[arg-type]
            job.run.dir = job.runtime.output_dir
    try:
        yield
    finally:
        sys.argv = arguments
        if job.mode is RunMode.MULTIRUN:
            leave_processes(places)


def leave_processes(places: dict[str, str | None]) -> None:
    """Leave the process group and put back the variables that place a process in it."""
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name, value in places.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
