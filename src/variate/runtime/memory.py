"""Whether something fits in the memory that this process may have, checked before any of it is allocated.

The limit is the least of three: the memory of the machine; what `ulimit` leaves of the process's address space and of
its data; and the limits of the control groups that the process is in, which are those of a container or a batch job.
What fits may still not be there when it is needed, since others use memory too: `refusing_shortage` makes a sentence of
that.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from variate.errors import InputError

MIB, GIB = 2**20, 2**30

FEWER_ROWS = "give fewer rows, or smaller ones, or .npy, Parquet or text files, which are streamed"
"""What to do where data do not fit."""

PROCESS, CONTROL_GROUPS = Path("/proc/self"), Path("/sys/fs/cgroup")
"""Where Linux tells about this process, and about the control groups."""

SHORTAGE = ("not enough memory", "can't allocate memory", "out of memory")
"""Words of the errors that torch raises where memory runs out: it has no type for them on a CPU."""


class MemoryLimit(NamedTuple):
    """The most that this process may still take.

    Attributes:
        size: In bytes.
        where: What sets the limit, in words.
    """

    size: int
    where: str

    def __str__(self) -> str:
        return f"the {amount(self.size)} {self.where}"


def tightest() -> MemoryLimit | None:
    """The least of all limits; None where the system does not say any."""
    machine, group = physical(), _of_control_groups()
    found = [] if machine is None else [MemoryLimit(machine, "of memory of this machine")]
    found += [MemoryLimit(size, "that the process has left by its ulimit") for size in _left_by_ulimit()]
    found += [] if group is None else [MemoryLimit(group, "of memory of this container")]
    return min(found, key=lambda limit: limit.size, default=None)


def physical() -> int | None:
    """Bytes of memory of this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _left_by_ulimit() -> Iterator[int]:
    """What is left of the limits on the address space and on the data of this process, in bytes."""
    if sys.platform == "win32":
        return
    import resource

    pages = _text(PROCESS / "statm").split()  # in use: the address space, ..., and sixth the data
    for kind, place in ((resource.RLIMIT_AS, 0), (resource.RLIMIT_DATA, 5)):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            used = int(pages[place]) * resource.getpagesize() if len(pages) > place else 0
            yield max(0, limit - used)


def _of_control_groups() -> int | None:
    """The least limit in bytes of the control groups that this process is in, or None."""
    limits = []
    for line in _text(PROCESS / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:  # version 2
            root, name = CONTROL_GROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = CONTROL_GROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        below = Path(group.lstrip("/"))
        for ancestor in (below, *below.parents):  # up to the root, which is all that a container sees of its own
            limit = _text(root / ancestor / name).strip()
            limits += [int(limit)] if limit.isdecimal() else []
    return min(limits, default=None)


def _text(path: Path) -> str:
    """The content of one of the system's files; nothing where there is no such file."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def require(size: int, source: str, what: str = "data that fit", remedy: str = FEWER_ROWS) -> None:
    """Checks that something fits in memory, before it is allocated; a damaged header may claim any size.

    Args:
        size: Bytes that it would take.
        source: What errors call it.
        what: What is expected, to come before "in the 2.0 GiB of memory of this machine".
        remedy: What to do.

    Raises:
        InputError: If that is more than this process may take.
    """
    limit = tightest()
    if limit is not None and size > limit.size:
        raise InputError(source, f"{what} in {limit}", amount(size), remedy)


@contextmanager
def refusing_shortage(source: str, what: str = "data that fit", remedy: str = FEWER_ROWS) -> Iterator[None]:
    """Says in a sentence that memory ran out inside the block, where the user's input is the cause.

    Args:
        source: What errors call the input.
        what: As for `require`.
        remedy: What to do.

    Raises:
        InputError: In place of a `MemoryError`, or of what torch and the system raise for one.
    """
    try:
        yield
    except Exception as error:
        refused = shortage(error, source, what, remedy)
        if refused is None:
            raise
        raise refused from None


def shortage(error: BaseException, source: str, what: str, remedy: str) -> InputError | None:
    """What is said of an error that memory ran out; None for another error. Arguments as for `refusing_shortage`."""
    ran_out = isinstance(error, MemoryError)
    if isinstance(error, OSError):
        ran_out = error.errno == errno.ENOMEM
    elif isinstance(error, RuntimeError):
        ran_out = any(words in str(error).lower() for words in SHORTAGE)
    return InputError(source, f"{what} in {tightest() or 'memory'}", "more than is free", remedy) if ran_out else None


def streams(switch: Literal["auto", "on", "off"], size: int) -> bool:
    """Whether rows stay on disk: as the user chose, or with "auto" if they would take more than half of the memory.

    Args:
        switch: `DataOptions.stream`.
        size: Bytes that the rows would take in memory.
    """
    limit = tightest()
    return switch == "on" or (switch == "auto" and limit is not None and size > limit.size / 2)


def amount(size: int) -> str:
    """`1.5 GiB`, `300 MiB`, `less than 1 MiB`."""
    if size >= GIB:
        return f"{size / GIB:,.1f} GiB"
    return f"{size / MIB:,.0f} MiB" if size >= MIB else "less than 1 MiB"
