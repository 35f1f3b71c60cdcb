"""Signals that end a command: what it has half-written is removed first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from variate.runtime.distributed import launched

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGHUP comes when the terminal is closed; Windows has none."""


class Ended(BaseException):
    """A signal asked the program to end.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name, self.exit_code = signal.Signals(number).name, 128 + number


@contextmanager
def ending_signals() -> Iterator[None]:
    """Raises `Ended` inside the block where a signal would end the process.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored. Several processes are left to torchrun, which
    ends them; training has its own way to end while it runs.
    """
    before = {}
    if launched() == 1 and threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in ENDING}
        before = {number: handler for number, handler in before.items() if handler == signal.SIG_DFL}
    for number in before:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise Ended(number)
