"""The thread that owns a model, and the queue before it.

Models are not made for several threads, so each has one that does all its work. What came while it was busy is given to
it together: under load, requests are computed in batches, and a single one waits for nobody.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

MOST_TOGETHER = 64
"""Requests that are given to the model together."""


class AbandonedError(Exception):
    """Nobody waits for what is being computed any more."""


class QueuedJob:
    """Work for a model, and what is told when it is done.

    Args:
        content: What is to be done.
        seconds: For how long somebody waits for it.
        deliver: Called once, in the thread of the model, with the result or the exception.
    """

    def __init__(self, content: Any, seconds: float, deliver: Callable[[object], None]) -> None:  # noqa: ANN401
        self.content, self.deliver = content, deliver
        self._end, self._is_dropped = time.monotonic() + seconds, False

    def drop(self) -> None:
        """Says that nobody waits for it any more."""
        self._is_dropped = True

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for it."""
        return not self._is_dropped and time.monotonic() < self._end


def require_wanted(jobs: Sequence[QueuedJob]) -> None:
    """Ends work that nobody waits for any more.

    Raises:
        AbandonedError: If so.
    """
    if not any(job.is_wanted for job in jobs):
        raise AbandonedError


class Worker:
    """A thread that does one batch of jobs after the other.

    Args:
        name: Name of the thread.
        work: Does jobs and delivers each; called with those that wait, at most `MOST_TOGETHER`.
    """

    def __init__(self, name: str, work: Callable[[Sequence[QueuedJob]], None]) -> None:
        self.work = work
        self._queue: queue.SimpleQueue[QueuedJob | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(self, job: QueuedJob) -> None:
        """Puts a job at the end of the queue."""
        self._queue.put(job)

    def close(self, seconds: float) -> bool:
        """Ends the thread after what is in the queue.

        Args:
            seconds: How long to wait for that.

        Returns:
            Whether it has ended.
        """
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """Takes what waits and does it, until it is to end."""
        while True:
            jobs = self._waiting()
            known = [job for job in jobs if job is not None]
            if known:
                self.work(known)
            if None in jobs:
                return

    def _waiting(self) -> list[QueuedJob | None]:
        """The first in the queue, once there is one, and those that wait behind it; None where it is to end."""
        found = [self._queue.get()]
        while found[-1] is not None and len(found) < MOST_TOGETHER:
            try:
                found.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return found
