"""Whether an array fits in this machine, asked before any memory is taken for it."""

import os

from variate.config.recipe import Switch
from variate.errors import InputError

GIB = 2**30


def physical() -> int | None:
    """Bytes of memory in this machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def require(size: int, source: str) -> None:
    """Refuses data that this machine cannot hold, whether they are large or a small file only claims to be.

    Args:
        size: Bytes that reading `source` would take.
        source: What is to be read.

    Raises:
        InputError: If that is more than the machine has.
    """
    limit = physical()
    if limit is not None and size > limit:
        raise InputError(
            f"{source} needs {size / GIB:,.1f} GiB in memory and this machine has {limit / GIB:,.1f} GiB; "
            "give fewer rows, or smaller ones, or .npy or Parquet files, which are streamed"
        )


def streams(switch: Switch, size: int) -> bool:
    """Whether rows stay on disk: as was asked, or else where they would take more than half of the memory.

    Args:
        switch: `DataOptions.stream`.
        size: Bytes that the rows would take.
    """
    limit = physical()
    return switch == "on" or (switch == "auto" and limit is not None and size > limit / 2)
