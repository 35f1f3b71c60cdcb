"""Locks on files and directories. The system gives a lock up when the process that holds it ends, however it ends.

A lock belongs to an open descriptor, so it also holds between the threads of a process. Windows has no such locks, and
some network file systems have none for directories: there it cannot be known whether a file is in use.
"""

import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def lock(descriptor: int, shared: bool = False) -> bool | None:
    """Tries to lock an open file or directory against all other descriptors.

    Args:
        descriptor: Of the file.
        shared: Whether others may have a shared lock at the same time.

    Returns:
        Whether it is locked now; None where there are no locks.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_at(descriptor: int, path: Path) -> bool:
    """Whether a path still is the open file: it may have been removed or replaced since."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
