"""Signals that end a run: noted when they come, obeyed when the step is done."""

__all__ = ["Interrupted", "Signals"]

import signal
from types import FrameType
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


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
        """The exit status, as a shell counts it: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


class Signals:
    """Notes the first SIGINT, SIGTERM or SIGUSR1; a second SIGINT is obeyed at once.

    Saving inside a handler would find the model in the middle of a step, and hang where several
    processes have to save together.

    Attributes:
        received: The signal that came first, 0 if none.
    """

    def __init__(self) -> None:
        self.received = 0
        self.before: dict[int, Any] = {}

    def install(self) -> None:
        """Take the place of the handlers there are."""
        for number in NUMBERS:
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
        self.received = self.received or number
