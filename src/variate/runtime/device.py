"""What the machine does fast, and how many rows to work on at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CACHED_NUMBERS = 800_000
"""Numbers of x in a chunk on a CPU; 32 times as many on a GPU."""
MAX_CHUNK_ROWS = 8192
"""Most rows in a chunk, however short they are."""


def fast_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def rows_at_once(numbers: int, device: torch.device) -> int:
    """How many rows, of so many numbers each, to decode at a time: what fits into a CPU's cache is fastest there."""
    room = CACHED_NUMBERS * (1 if device.type == "cpu" else 32)
    return max(1, min(MAX_CHUNK_ROWS, room // numbers))


@contextmanager
def threads(number: int | None) -> Iterator[None]:
    """Uses this many CPU threads inside the block; with None, as many as torch chose."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
