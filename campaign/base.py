"""What a campaign is: a way to make cases, and what may come of one.

A case ends in one of three ways. A *result* is what the library gives for good input. A *sentence* is an `InputError`,
or exit code 2 with one line on standard error. Everything else is a *fault*: any other exception, a crash, too much
time or memory, a sentence that does not help, or a result that is wrong.

Case number N of a campaign is a function of the seed, the campaign's name and N, so each can be tried again alone.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal, NamedTuple

End = Literal["result", "sentence"]


class Fault(Exception):  # noqa: N818  a fault of what is tried, and no error of the campaign
    """What must not happen, in words."""


class LeftOutError(Exception):
    """A case cannot be tried on this machine; the text says why."""


class Case(NamedTuple):
    """One thing to try.

    Attributes:
        what: What was done, in words.
        target: The file or folder that is tried, kept where there is a fault; None if there is none.
        names: A sentence must contain one of these: names of files and of arguments.
        again: A command line that tries it again; empty where only `python -m campaign` does.
        own: What the campaign's `attempt` needs besides.
    """

    what: str
    target: Path | None = None
    names: tuple[str, ...] = ()
    again: str = ""
    own: Any = None


class Campaign(ABC):
    """A campaign.

    Attributes:
        name: Its name on the command line.
        long: Number of cases of the long form.
        short: Number of cases of the short form.
        minutes: Most minutes of the long form.
        seconds: Most seconds of a case: of the processor, so that a busy machine makes none of them a fault, or by the
            clock where a case is not measured.
        is_measured: Whether the processor's time and the memory of a case are measured, because it starts no processes.
        alone: Whether cases are tried one at a time, because each uses all cores.
    """

    name: ClassVar[str]
    long: ClassVar[int]
    short: ClassVar[int]
    minutes: ClassVar[float] = 15.0
    seconds: ClassVar[float] = 10.0
    is_measured: ClassVar[bool] = True
    alone: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Makes the good files that cases are made of, and tries each once, so that all modules are loaded.

        Args:
            folder: Where files can be written. It stays until the campaign ends.
        """

    @abstractmethod
    def make(self, random: Random, folder: Path) -> Case:
        """Makes a case.

        Args:
            random: The only source of chance.
            folder: An empty folder for its files.
        """

    @abstractmethod
    def attempt(self, case: Case) -> End:
        """Tries a case, in a process of its own.

        Raises:
            InputError: Which is a sentence if it helps, else a fault.
            Fault: If what came is wrong.
            Exception: Any other is a fault.
        """

    def decoded(self, case: Case) -> int:
        """Bytes that the content of a case takes once it is decoded, by which its memory is judged."""
        return 0 if case.target is None else size_of(case.target)


def size_of(target: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = [target] if target.is_file() else [file for file in target.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
