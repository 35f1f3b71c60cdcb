"""A progress bar on standard error for work that takes a while."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


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
    bar = Progress(console=Console(stderr=True), disable=not (show and sys.stderr.isatty()), transient=True)
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
