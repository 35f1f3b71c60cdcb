"""A progress bar on standard error for work that takes a while."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from variate.runtime.streams import TolerantStream


class ErrorConsole(Console):
    """A console on standard error, which may be closed or break while it is used.

    Args:
        show: Whether anything is to be shown.

    Attributes:
        is_live: Whether a progress bar can be shown: it is a terminal that can move its cursor.
    """

    def __init__(self, show: bool) -> None:
        stream = TolerantStream(sys.stderr)
        super().__init__(file=cast("TextIO", stream), quiet=not show)
        self.is_live = show and stream.isatty() and not self.is_dumb_terminal


@contextmanager
def progress(what: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar inside the block, if standard error is a terminal.

    Args:
        what: Name of the work, in a word or two.
        total: The amount of work, in any unit.
        show: Whether to show a bar at all.

    Yields:
        A function to call with the amount of work done since the last call.
    """
    console = ErrorConsole(show)
    words = TextColumn("{task.description}", markup=False)
    columns = (words, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, disable=not console.is_live, transient=True)
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
