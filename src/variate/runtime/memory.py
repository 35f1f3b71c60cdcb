"""Whether data fit in the memory of this machine, checked before any memory is allocated for them."""

import os
from typing import Literal

from variate.errors import InputError

GIB = 2**30


def physical() -> int | None:
    """Bytes of memory of this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def require(size: int, source: str) -> None:
    """Checks that data fit in memory, before they are read; a damaged header may claim any size.

    Args:
        size: Bytes that reading `source` would take.
        source: What errors call the data.

    Raises:
        InputError: If that is more than the memory of this machine.
    """
    limit = physical()
    if limit is not None and size > limit:
        raise InputError(
            source,
            f"data that fit in the {limit / GIB:,.1f} GiB of memory of this machine",
            f"data of {size / GIB:,.1f} GiB",
            "give fewer rows, or smaller ones, or .npy or Parquet files, which are streamed",
        )


def streams(switch: Literal["auto", "on", "off"], size: int) -> bool:
    """Whether rows stay on disk: as the user chose, or with "auto" if they would take more than half of the memory.

    Args:
        switch: `DataOptions.stream`.
        size: Bytes that the rows would take in memory.
    """
    limit = physical()
    return switch == "on" or (switch == "auto" and limit is not None and size > limit / 2)
