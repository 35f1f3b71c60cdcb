"""Contexts that change something of the whole process, for blocks that several threads may be in at one time."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


class Shared:
    """A context that the first thread to come enters and the last one to go leaves.

    Entered by each thread on its own, a context that changes something and puts back what it found leaves the change
    behind: the second thread finds what the first one made, and puts it back after the first has gone.

    Args:
        make: Makes the context; called anew whenever no thread is inside.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._inside = 0
        self._context: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._context = self._make()
                self._context.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._context is not None:
                self._context.__exit__(None, None, None)
                self._context = None
