"""Standard output and standard error that may be closed, break or hold few characters.

A terminal is closed, the reader of a pipe ends, a disk fills up, a locale knows ASCII only: none of these is a reason
to lose a run. A `TolerantStream` writes what can be written, and remembers the first error.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class TolerantStream:
    r"""A text stream whose `write` and `flush` never raise.

    Characters that the stream's encoding lacks are written as escapes, such as `\xb1`. An error does not end the
    writing: a full disk may have room again.

    Args:
        stream: The stream, or what a program put in its place; None if the process was started without it.

    Attributes:
        error: The first error; None if there was none so far.
    """

    def __init__(self, stream: Any) -> None:  # noqa: ANN401  notebooks and test runners put their own
        self.stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever else the stream has
        return getattr(self.stream, name)

    @property
    def encoding(self) -> str:
        """The encoding of the stream."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        try:
            return self.stream is not None and self.stream.isatty()
        except ValueError:  # closed
            return False

    def write(self, text: str) -> int:
        """Writes text, if that is possible. Returns its length."""
        possible = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        with self._remembering():
            self._open_stream().write(possible)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Writes texts, if that is possible."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what was written, if that is possible."""
        with self._remembering():
            self._open_stream().flush()

    def give_up(self) -> None:
        """After an error, discards what the stream still holds, so that closing it raises nothing."""
        if self.error is None or self.stream is None:
            return
        with suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:  # noqa: PTH123  a device, and no path
            os.dup2(nowhere.fileno(), self.stream.fileno())

    def _open_stream(self) -> Any:  # noqa: ANN401
        if self.stream is None or getattr(self.stream, "closed", False):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.stream

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = self.error or error


@contextmanager
def tolerant_output() -> Iterator[TolerantStream]:
    """Makes `sys.stdout` and `sys.stderr` tolerant inside the block.

    Missing file descriptors 0 to 2 are opened on the null device first: the next file to be opened, perhaps one of
    data, would get such a number, and what is printed with it.

    Yields:
        Standard output.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    before = sys.stdout, sys.stderr
    output, errors = map(TolerantStream, before)
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", errors)
    try:
        yield output
    finally:
        sys.stdout, sys.stderr = before
        for stream in (output, errors):
            stream.flush()
            stream.give_up()
