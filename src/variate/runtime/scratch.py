"""Temporary files that nobody has to clean up.

A scratch file lies in the system's temporary directory (TMPDIR names another one) and belongs to the object that made
it. On Linux it loses its name at once and is read through the process's own descriptor, so that its room is free again
when the process ends, however it ends. Elsewhere it is removed when the object is no longer used, and at exit; what a
killed process leaves there is removed by the next one that makes a scratch file.
"""

import errno
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from variate.errors import InputError
from variate.runtime import files
from variate.runtime.memory import amount

NAME = "variate-scratch"
"""What scratch files are called, as the target of a part in `variate.runtime.files`."""
REMEDY = "make room, or set TMPDIR to a directory on a larger disk"


class Scratch:
    """An empty temporary file, to be written and then read by its path.

    Attributes:
        path: Where it is, for this process.

    Raises:
        InputError: If the temporary directory cannot be written to.
    """

    def __init__(self) -> None:
        folder = temporary_directory()
        files.remove_parts(folder, NAME)
        with files.writing(folder):
            file = files.new_part(folder / NAME)
        named = Path(file.name)
        descriptor = Path(f"/proc/self/fd/{file.fileno()}")
        if sys.platform == "linux" and descriptor.exists():
            named.unlink()
            self.path = descriptor
        else:
            self.path = named
        self._close = weakref.finalize(self, _remove, file, named)

    def close(self) -> None:
        """Removes the file now."""
        self._close()


def temporary_directory() -> Path:
    """Where scratch files are.

    Raises:
        InputError: If there is no directory that can be written to.
    """
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        expected = "a temporary directory that can be written to"
        raise InputError("TMPDIR", expected, "none", "set TMPDIR to one") from None


def require_disk(size: int, source: str) -> None:
    """Checks that the temporary directory has room for what will be written to a scratch file.

    Args:
        size: Bytes.
        source: What errors call the data.

    Raises:
        InputError: If it has not.
    """
    folder = temporary_directory()
    free = shutil.disk_usage(folder).free
    if size > free:
        expected = f"room for about {amount(size)} in the temporary directory {str(folder)!r}"
        raise InputError(source, expected, f"{amount(free)} free", REMEDY)


@contextmanager
def filling(source: str) -> Iterator[None]:
    """A block that writes to scratch files; says in a sentence if the disk is full.

    Args:
        source: What errors call the data.

    Raises:
        InputError: If there is no room for what the block writes.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (*files.FULL, errno.ENOMEM):
            raise
        expected = f"room for the rows in the temporary directory {str(temporary_directory())!r}"
        raise InputError(source, expected, files.system_reason(error), REMEDY) from None


def _remove(file: BinaryIO, named: Path) -> None:
    """Closes and removes a file."""
    if sys.platform == "win32":
        file.close()
    with suppress(OSError):
        named.unlink(missing_ok=True)
    file.close()
