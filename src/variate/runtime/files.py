"""Atomic writes: a file has its old content or its new content, never a part of it.

A file is written under a temporary name beside its target, flushed to the disk and renamed over the target. A process
that is killed while it writes leaves the temporary file, called a part. The next writer of the same file removes it:
the part of a process that still writes is locked, and a part that is not locked is nobody's.
"""

import errno
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from variate.errors import InputError
from variate.runtime.locks import is_at, lock

PART = re.compile(r"\.(.+)\.\d+(-[0-9a-f]{8})?\.part", re.DOTALL)
"""Names of parts: the name of the target, the number of the process, and a random number so that threads differ."""

FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name))
"""Errors of a disk, a quota or a limit on the size of files that is used up."""


def as_path(path: object, argument: str, expected: str) -> Path:
    """What a user gave as a path.

    Args:
        path: A text or a path.
        argument: What errors call it.
        expected: What it is the path of, to follow the word "expected".

    Raises:
        InputError: If it is neither, or holds a zero byte.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(text := os.fspath(path), str) or "\0" in text:
        raise InputError(argument, expected, repr(path))
    return Path(text)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces it when the block ends and is removed if the block raises.

    Args:
        path: Target; missing directories are created.

    Yields:
        The temporary path, an empty file, to which the block must write.

    Raises:
        InputError: If the file cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_parts(path.parent, path.name)
        file = new_part(path)
    part = Path(file.name)
    try:
        with writing(path, part):
            yield part
        with writing(path):
            os.fsync(file.fileno())
            if sys.platform == "win32":  # which renames no file that is open
                file.close()
            part.replace(path)
    finally:
        if sys.platform == "win32":
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)
        file.close()


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, completely or not at all.

    Raises:
        InputError: If the file cannot be written.
    """
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def append_text(path: Path, text: str) -> None:
    """Appends to a text file in UTF-8. What was written of the text is removed again if there is no room for all of it.

    Raises:
        InputError: If the file cannot be written.
    """
    with writing(path), path.open("ab", buffering=0) as file:
        length, left = file.tell(), text.encode()
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            file.truncate(length)
            raise


@contextmanager
def writing(path: Path, part: Path | None = None) -> Iterator[None]:
    """Raises an `InputError` about a file where the system refuses to write it.

    Args:
        path: What is written, a file or a directory.
        part: The temporary file that the block writes, where the block may do other things too: errors that may be of
            these, such as reading data, are raised as they are.
    """
    try:
        yield
    except OSError as error:
        if part is not None and error.errno not in FULL and str(error.filename) != str(part):
            raise
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> InputError:
    """What is said of a file or directory that the system refuses to write."""
    expected = "a place that can be written to"
    if error.errno == errno.ENOENT and not path.is_absolute() and working_directory_is_gone():
        return InputError(str(path), expected, "a working directory that was deleted", "change to another one")
    if error.errno == errno.EEXIST:  # a file where a directory has to be made
        error = NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return InputError(
        str(path), expected, system_reason(error), "make room" if error.errno in FULL else "name another place"
    )


def system_reason(error: OSError) -> str:
    """Why the system refuses something, in its own words."""
    said = os.strerror(error.errno) if error.errno else str(error)
    return said[:1].lower() + said[1:]


def working_directory_is_gone() -> bool:
    """Whether the working directory was deleted, so that no relative path can be used."""
    try:
        Path.cwd()
    except OSError:
        return True
    return False


def is_part(path: Path) -> bool:
    """Whether a file has the name of a part."""
    return PART.fullmatch(path.name) is not None


def remove_parts(folder: Path, name: str | None = None) -> None:
    """Removes parts that killed processes left. Those that cannot be told from a living process's stay.

    Args:
        folder: Where they are.
        name: Of the file whose parts are removed; None stands for all files.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = PART.fullmatch(entry.name)
            if found and name in (None, found[1]) and entry.is_file(follow_symlinks=False):
                _remove_if_nobodys(Path(entry))


def _remove_if_nobodys(part: Path) -> None:
    with suppress(OSError), part.open("rb+") as file:
        if lock(file.fileno()) and is_at(file.fileno(), part):
            part.unlink()


def new_part(path: Path) -> BinaryIO:
    """A new file beside `path`, locked so that no other process takes it for what a killed one left."""
    while True:
        part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        file = part.open("xb+")
        if lock(file.fileno()) is not False and is_at(file.fileno(), part):
            return file
        file.close()  # another process has removed it before it was locked
