"""The machine under the model: what it does fast, its threads, its heap."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CACHED_NUMBERS = 800_000
"""Numbers of x in a chunk on a CPU; 32 times as many on a GPU."""
MOST_ROWS = 8192
"""In a chunk, however short they are."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
ADAPTED = 32 * 2**20
"""Where glibc's own threshold ends in a program with large buffers. It starts at 128 KiB and rises with what is freed,
but never again once it was set."""


def fast_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def rows_at_once(numbers: int, device: torch.device) -> int:
    """How many rows, each of so many numbers, to decode at a time: what stays in a CPU's cache is fastest there."""
    room = CACHED_NUMBERS * (1 if device.type == "cpu" else 32)
    return max(1, min(MOST_ROWS, room // numbers))


@contextmanager
def keeping_heap() -> Iterator[None]:
    """Has glibc keep large buffers for the next step inside the block, instead of returning each to the system.

    A step on a CPU allocates the same megabytes again and again; mapping them anew costs a page fault every 4 KiB, a
    quarter of the step. Elsewhere than on glibc nothing is changed.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        mallopt, trim = libc.mallopt, libc.malloc_trim
    except (OSError, AttributeError):
        yield
        return
    mallopt(M_MMAP_THRESHOLD, 2**30)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(M_MMAP_THRESHOLD, ADAPTED)
        mallopt(M_TRIM_THRESHOLD, 2 * ADAPTED)
        trim(0)


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Uses this many CPU threads inside the block; with None, as many as torch chose."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
