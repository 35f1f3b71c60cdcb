"""Opens a file to read it, or says in one sentence why that cannot be done."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from variate.errors import InputError
from variate.runtime.files import system_reason


@contextmanager
def opened(path: Path, expected: str) -> Iterator[BufferedReader]:
    """The open file, closed when the block ends. What the system refuses, then or while the block reads, is said.

    Args:
        path: The file. Pipes and devices, which may never end, are not opened.
        expected: What errors say that it should be.

    Raises:
        InputError: If there is no such file, it is a directory, or the system does not let it be read.
    """
    try:
        if "\0" in str(path):
            raise FileNotFoundError  # no file can have that name, and the system is not asked about it
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise InputError(str(path), expected, "a directory" if stat.S_ISDIR(mode) else "something that is no file")
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(str(path), expected, "no file") from None
    except OSError as error:
        raise InputError(str(path), "a file that can be read", system_reason(error)) from None
