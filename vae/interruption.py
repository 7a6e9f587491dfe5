"""Signals that end a run: noted when they come, obeyed when the step is done."""

__all__ = ["Interrupted", "Signals"]

import os
import select
import signal
import threading
from types import FrameType
from typing import Any

NUMBERS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
OUTPUTS = (1, 2)  # standard output and standard error


class Interrupted(BaseException):
    """A run ends because of a signal; the exit status is 128 and its number.

    Args:
        number: The signal.
        message: What was saved and how to go on.
    """

    def __init__(self, number: int, message: str = "") -> None:
        super().__init__(message)
        self.number = number

    @property
    def status(self) -> int:
        """The exit status, as a shell counts it: 129 for SIGHUP, 130 SIGINT, 143 SIGTERM."""
        return 128 + self.number


class Signals:
    """Notes the first SIGHUP, SIGINT, SIGTERM or SIGUSR1; a second SIGINT is obeyed at once.

    SIGHUP comes when a terminal is closed or a connection to one is lost. ``nohup`` has it ignored,
    and so it stays.

    Saving inside a handler would find the model in the middle of a step, and hang where several
    processes have to save together.

    Attributes:
        received: The signal that came first, 0 if none.
    """

    def __init__(self) -> None:
        self.received = 0
        self.before: dict[int, Any] = {}

    def install(self) -> None:
        """Take the place of the handlers there are; only the main thread may, others note none."""
        if threading.current_thread() is not threading.main_thread():
            return
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        for number in NUMBERS[ignored:]:
            self.before[number] = signal.signal(number, self.note)

    def restore(self) -> None:
        """Put the handlers back that were there."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def note(self, number: int, frame: FrameType | None) -> None:
        """Note a signal, or stop where a second SIGINT finds the program."""
        if number == signal.SIGINT and self.received == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a third one is the kernel's
            raise Interrupted(number, "stopped at once")
        if number == signal.SIGHUP:
            leave_terminal()
        self.received = self.received or number


def leave_terminal() -> None:
    """Write to nowhere what would go to a terminal that is gone: it would be an error each time."""
    for output in OUTPUTS:
        state = select.poll()
        state.register(output, 0)
        if any(event & select.POLLHUP for _, event in state.poll(0)):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, output)
            os.close(nowhere)
