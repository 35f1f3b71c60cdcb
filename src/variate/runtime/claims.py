"""Claims of directories: what one run claims, no other run writes to.

A claim is a lock on the directory itself (`variate.runtime.locks`). It adds no file, ends with the process that holds
it, and counts between threads as between processes. Where there are no such locks, on Windows and most network file
systems, all that is certain is which run made a directory: numbered names are then given to one run each, but two runs
that begin at the same moment in one directory of a given name are not told apart.
"""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES
from pathlib import Path

from variate.errors import InputError
from variate.runtime import files
from variate.runtime.distributed import Processes
from variate.runtime.locks import is_at, lock

TRIES = 100
"""How often a directory is made again that others remove while it is claimed."""


class InUseError(InputError):
    """The directory is another run's."""


class Claim:
    """A directory for one run, to be claimed by `held`.

    Args:
        path: The directory that is wanted. It is made if it is missing, and removed if nothing was written to it.
        argument: What errors call it, the name of a parameter.
        numbered: Whether PATH-2, PATH-3, ... are taken where it is in use.
        check: Raises an `InUseError` about a directory that is not to be taken, though no process holds it.

    Attributes:
        path: The directory. Until it is held, with `numbered`, another run may take it, and this one the next.
        is_held: Whether it is claimed.
    """

    def __init__(
        self, path: Path, argument: str, numbered: bool = False, check: Callable[[Path], None] | None = None
    ) -> None:
        self.path, self.argument, self.numbered, self.is_held = path, argument, numbered, False
        self._wanted, self._check = path, check
        self._descriptor: int | None = None
        self._made: list[Path] = []

    def look(self) -> None:
        """Finds the directory that could be held now, without taking it.

        Raises:
            InUseError: If it is another run's.
            InputError: If it can be no directory.
        """
        self.path = self._first(self._look)

    @contextmanager
    def held(self, processes: Processes) -> Iterator[Path]:
        """Holds the directory inside the block; a block inside another one does nothing.

        Args:
            processes: The processes of the run, all of which call it. The main one holds the directory.

        Yields:
            The directory.

        Raises:
            InUseError: If it is another run's.
            InputError: If it cannot be made or written to.
        """
        if self.is_held:
            yield self.path
            return
        self.path = processes.on_main(lambda: self._first(self._take))
        self.is_held = True
        try:
            yield self.path
        finally:
            self.is_held = False
            self._release()

    def renew(self) -> bool:
        """Claims the directory again if it was removed or renamed while it was held.

        Returns:
            Whether it was; there is then an empty directory in its place.

        Raises:
            InputError: If it cannot be made, or something else is in its place.
        """
        is_there = self.path.is_dir() if self._descriptor is None else is_at(self._descriptor, self.path)
        if is_there:
            return False
        self._release()
        try:
            self._take(self.path)
            is_empty = not any(self.path.iterdir())
        except InUseError:
            is_empty = False
        if not is_empty:
            raise InUseError(str(self.path), "the directory that the run began with", "another one in its place")
        return True

    def _first(self, attempt: Callable[[Path], None]) -> Path:
        """The first of the possible directories at which an attempt finds no other run."""
        path, numbers = self._wanted, itertools.count(2)
        while True:
            try:
                attempt(path)
            except InUseError:
                if not self.numbered:
                    raise
                path = self._wanted.with_name(f"{self._wanted.name}-{next(numbers)}")
            else:
                return path

    def _look(self, path: Path) -> None:
        with files.writing(path):
            try:
                path.stat()
            except FileNotFoundError:
                return
            self._refuse(path)
            if self.numbered:  # a lock, however short, would send another run that begins now to the next name
                return
            descriptor = _opened(path)
        try:
            if descriptor is not None and lock(descriptor, shared=True) is False:
                raise self._in_use(path)
        finally:
            _close(descriptor)

    def _take(self, path: Path) -> None:
        """Makes and locks a directory."""
        with files.writing(path):
            made, descriptor = self._locked(path)
            self._descriptor, self._made = descriptor, made
            try:
                self._refuse(path)
                if not os.access(path, os.W_OK | os.X_OK):
                    raise PermissionError(EACCES, os.strerror(EACCES), str(path))
            except BaseException:
                self._release()
                raise
            files.remove_parts(path)

    def _locked(self, path: Path) -> tuple[list[Path], int | None]:
        """Makes and locks a directory. Returns the directories that were made, and the descriptor with the lock."""
        tries = itertools.count(1)
        while True:
            try:
                made = _make(path)
                if not path.is_dir():
                    raise self._no_directory(path)
                descriptor = _opened(path)
            except FileNotFoundError:  # another run has removed what it had made
                if next(tries) == TRIES:
                    raise
                continue
            is_locked = None if descriptor is None else lock(descriptor)
            if is_locked is False or (is_locked is None and self.numbered and not made):
                _close(descriptor)
                raise self._in_use(path)
            if descriptor is None or is_at(descriptor, path):
                return made, descriptor
            _close(descriptor)

    def _refuse(self, path: Path) -> None:
        if not path.is_dir():
            raise self._no_directory(path)
        if self._check is not None:
            self._check(path)

    def _no_directory(self, path: Path) -> InUseError:
        what = "a file" if path.is_file() else "no directory"
        return InUseError(self.argument, "a directory", f"{str(path)!r}, which is {what}", "choose another name")

    def _in_use(self, path: Path) -> InUseError:
        got = f"{str(path)!r}, which another run is writing to"
        return InUseError(
            self.argument, "a directory that no other run is writing to", got, "choose another one, or wait"
        )

    def _release(self) -> None:
        """Gives the lock up; what was made for the run and is empty is removed first, if it is still in its place."""
        if self._descriptor is None or (self._made and is_at(self._descriptor, self._made[0])):
            for folder in self._made:
                try:
                    folder.rmdir()
                except OSError:
                    break
        _close(self._descriptor)
        self._descriptor, self._made = None, []


def _make(path: Path) -> list[Path]:
    """Makes a directory and those that it is in, where they are missing.

    Returns:
        What was made, from the inside out; nothing if the directory, or a file, was there.
    """
    above = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        return []
    return [path, *above]


def _opened(path: Path) -> int | None:
    """A descriptor of a directory; None on Windows, which opens none."""
    return None if sys.platform == "win32" else os.open(path, os.O_RDONLY)


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)
