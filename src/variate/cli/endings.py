"""How a command ends: what it raised, as a sentence and an exit code.

2 is for what the user can fix. 1 is for a fault of the library or the machine, and for a result that could not be
printed. 128 + n is for a signal n, so 130 after Ctrl-C.
"""

import errno
import os
from typing import NamedTuple

from variate.cli.flags import with_flags
from variate.cli.signals import Ended
from variate.errors import InputError, NonFiniteError, Option, Sentence
from variate.runtime import memory
from variate.runtime.distributed import LostProcessError, is_main_process, reports_lost_processes
from variate.runtime.files import working_directory_is_gone

FIXABLE = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES", "EDQUOT", "EEXIST", "EFBIG", "EISDIR", "ELOOP", "EMFILE", "ENAMETOOLONG", "ENOENT", "ENOSPC",
        "ENOTDIR", "ENOTEMPTY", "EPERM", "EROFS", "ETXTBSY",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""Errors of the operating system that have their cause in files, directories and limits of the user."""


class Ending(NamedTuple):
    """How a command ended.

    Attributes:
        code: The exit code.
        message: What is said of it.
        is_printed: Whether this process says it.
        is_fault: Whether it is a fault whose place a programmer wants to know.
    """

    code: int
    message: str
    is_printed: bool = True
    is_fault: bool = False


def ended_by(error: BaseException) -> Ending:
    """How a command that raised this error ends."""
    match error:
        case InputError():
            return Ending(2, Sentence("error: ", error.sentence), is_main_process())
        case NonFiniteError():
            return Ending(2, Sentence("error: ", text(error)), is_main_process())
        case KeyboardInterrupt():
            return Ending(130, "interrupted", is_main_process())
        case Ended():
            return Ending(error.exit_code, f"ended by {error.name}", is_main_process())
        case LostProcessError():
            return Ending(1, Sentence("failed: ", text(error)), reports_lost_processes())
        case OSError() if error.errno in FIXABLE:
            return Ending(2, f"error: {of_system(error)}")
    remedy = Sentence("give fewer rows or a smaller model, or lower ", Option("batch_size"))
    refused = memory.shortage(error, "memory", "work that fits", remedy)
    if refused is not None:
        return Ending(2, Sentence("error: ", refused.sentence))
    reason = of_system(error) if isinstance(error, OSError) and error.errno else told_first(error)
    who = "" if is_main_process() else f"rank {os.environ.get('RANK')}: "
    message = f"failed: {who}{type(error).__name__}: {reason} (VARIATE_DEBUG=1 shows where)"
    return Ending(1, message, is_fault=True)


def of_system(error: OSError) -> str:
    """An error of the operating system with the name of its file."""
    if error.errno == errno.ENOENT and working_directory_is_gone():
        return "the working directory was deleted; change to another one"
    names = " and ".join(repr(os.fsdecode(n)) for n in (error.filename, error.filename2) if isinstance(n, str | bytes))
    reason = error.strerror or told_first(error)
    return f"cannot use {names}: {reason}" if names else reason


def told_first(error: BaseException) -> str:
    """The first line of what an exception says, with its options said as flags."""
    return with_flags(text(error)).strip().partition("\n")[0]


def text(said: BaseException | str) -> str:
    """What an exception or a warning says, with its options if it is a `Sentence`."""
    first = next(iter(said.args), None) if isinstance(said, BaseException) else said
    return first if isinstance(first, Sentence) else str(said)
