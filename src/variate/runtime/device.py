"""What the hardware is fast at, the number of rows to process at a time, and CPU threads."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

CACHED_NUMBERS = 800_000
"""Numbers in a chunk on a CPU; 32 times as many on a GPU."""
MAX_CHUNK_ROWS = 8192
"""Most rows in a chunk."""
LARGEST_KEPT = 31 * 2**20
"""Bytes: just below the largest buffer that glibc's malloc keeps when it is freed."""


def fast_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def rows_at_once(numbers: int, device: torch.device) -> int:
    """Rows to decode at a time: on a CPU, as many as fit into its cache.

    Args:
        numbers: Numbers that are computed per row.
        device: Where.
    """
    room = CACHED_NUMBERS * (1 if device.type == "cpu" else 32)
    return max(1, min(MAX_CHUNK_ROWS, room // numbers))


def reuse_freed_memory() -> None:
    """Makes glibc keep freed buffers of megabytes for the next ones of their size; elsewhere it does nothing.

    A loop that allocates the same megabytes in each pass otherwise returns them to the system and gets them back page
    by page. glibc keeps freed buffers up to the size of the largest one that was freed before, at most 32 MiB, so one
    such buffer is allocated and freed here; it is never written to and takes no memory. Importance weighting of 8x8
    digits is 1.2 times as fast with it (`python -m benchmarks evaluation`).
    """
    torch.empty(LARGEST_KEPT, dtype=torch.uint8)


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Sets the number of CPU threads that this thread computes with inside the block; None leaves it as it is.

    torch has such a number for each thread, and one that new threads begin with. Setting the first changes the second
    too; it is put back at once, so that what other threads compute does not depend on what runs beside them.
    """
    before = torch.get_num_threads()
    _use_threads(number or before)
    try:
        yield
    finally:
        _use_threads(before)


_setting_threads = threading.Lock()


def _use_threads(number: int) -> None:
    with _setting_threads, ThreadPoolExecutor(1) as new_thread:
        begins_with = new_thread.submit(torch.get_num_threads).result()
        torch.set_num_threads(number)
        new_thread.submit(torch.set_num_threads, begins_with).result()
