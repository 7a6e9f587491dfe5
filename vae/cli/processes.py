"""A job that several processes share: the command they repeat, how they end, and what is left.

Nothing here imports torch before a job does.
"""

__all__ = ["AnotherFailed", "end_with_parent", "ended_together", "is_further", "shared_job"]

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import read_write

from vae.cli.messages import is_lost_process
from vae.cli.typed_words import words_before

if TYPE_CHECKING:
    import lightning.pytorch as pl

PLACES = ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "WORLD_SIZE")
PARENT = "VAE_PARENT"  # the process that started the further ones
PR_SET_PDEATHSIG = 1  # of Linux's prctl.h
GRACE = 5.0  # seconds in which a process that failed first says why


class AnotherFailed(RuntimeError):
    """Another process of the run failed, and has said why.

    Args:
        status: With which it ended.
    """

    def __init__(self, status: int) -> None:
        super().__init__("another process of this run failed, and has said why")
        self.status = status


def is_further() -> bool:
    """Say whether another process on this machine is the first of this one's run."""
    return int(os.environ.get("LOCAL_RANK", 0)) > 0


def end_with_parent() -> None:
    """Have the kernel end this process with the one that started it for a run, on Linux.

    A process that waits for others in torch would outlive it by the whole ``trainer.timeout``.
    """
    started = PARENT in os.environ or "TORCHELASTIC_RUN_ID" in os.environ
    if not (started and sys.platform == "linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if PARENT in os.environ and os.getppid() != int(os.environ[PARENT]):
        sys.exit(1)  # it has ended already


@contextmanager
def ended_together(trainer: "pl.Trainer") -> Iterator[None]:
    """End the processes that a trainer has started when training fails in this one.

    Raises:
        AnotherFailed: If one of them failed first.
    """
    try:
        yield
    except BaseException as error:
        from vae.training.lightning_adapter import take_processes  # not before torch is wanted

        others = take_processes(trainer)
        if others and is_lost_process(error):
            wait_for_any(others)
        failed = [other.returncode for other in others if (other.poll() or 0) > 0]
        for other in others:
            other.kill()
            other.wait()
        if failed:
            raise AnotherFailed(failed[0]) from None
        raise


def wait_for_any(others: list[Popen[bytes]]) -> None:
    """Wait until one of some processes has ended, but no longer than `GRACE`."""
    end = time.monotonic() + GRACE
    while time.monotonic() < end and all(other.poll() is None for other in others):
        time.sleep(0.1)


@contextmanager
def shared_job() -> Iterator[None]:
    """Let the further processes of a job do that job alone, and the next job start its own.

    Lightning starts each further process with this process's arguments and ``hydra.run.dir``. Of a
    sweep, that would be the whole sweep again, in another folder.
    """
    arguments = sys.argv
    first = [arguments[0], *words_before("train")]
    parent = os.environ.get(PARENT)
    os.environ[PARENT] = str(os.getpid())
    places = {name: os.environ.get(name) for name in PLACES}
    job = HydraConfig.get()
    sys.argv = [*first, *arguments[1:]]
    if job.mode is RunMode.MULTIRUN:
        sys.argv = [*first, *job.overrides.task]
        with read_write(job):  # type: ignore[arg-type]
            job.run.dir = job.runtime.output_dir
    try:
        yield
    finally:
        sys.argv = arguments
        put_back({PARENT: parent})
        if job.mode is RunMode.MULTIRUN:
            from vae.training.parallel import leave_processes  # not before torch is wanted

            leave_processes()
            put_back(places)


def put_back(variables: dict[str, str | None]) -> None:
    """Give variables of the environment the values they had."""
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
