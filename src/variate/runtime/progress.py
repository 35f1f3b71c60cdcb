"""A progress bar on standard error for work that takes a while."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def progress(what: str, total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """Shows a bar inside the block, on a terminal and where wanted.

    Args:
        what: The work, in a word or two.
        total: The amount of work.
        show: Whether to show anything.

    Yields:
        A function to call with the amount of work done since the last call.
    """
    bar = Progress(console=Console(stderr=True), disable=not (show and sys.stderr.isatty()), transient=True)
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
