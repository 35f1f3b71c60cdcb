import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from variate.runtime.device import (
    CACHED_NUMBERS,
    LARGEST_KEPT,
    MAX_CHUNK_ROWS,
    fast_bfloat16,
    reuse_freed_memory,
    rows_at_once,
    threads,
)


@pytest.mark.parametrize("wanted", [1, 3, None])
def test_threads_are_those_wanted_inside_the_block_and_put_back(wanted):
    before = torch.get_num_threads()
    with threads(wanted):
        assert torch.get_num_threads() == (wanted or before)
    assert torch.get_num_threads() == before


def test_threads_are_put_back_after_an_exception():
    before = torch.get_num_threads()

    def fail():
        with threads(before + 1):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == before


def elsewhere(function):
    """What a function returns in a new thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_threads_are_those_of_the_block_s_own_thread():
    before = elsewhere(torch.get_num_threads)
    with threads(before + 2):
        assert elsewhere(torch.get_num_threads) == before
    assert elsewhere(torch.get_num_threads) == before


def test_blocks_of_two_threads_that_overlap_leave_no_trace():
    before, own = elsewhere(torch.get_num_threads), torch.get_num_threads()
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def second():
        first_is_in.wait()
        with threads(before + 2):
            second_is_in.set()
            first_is_out.wait()
            inside = torch.get_num_threads()
        return inside, torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(second)
        with threads(before + 1):
            first_is_in.set()
            second_is_in.wait()
            assert torch.get_num_threads() == before + 1
        first_is_out.set()
        assert found.result() == (before + 2, before)
    assert torch.get_num_threads() == own
    assert elsewhere(torch.get_num_threads) == before


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("numbers", [1, 784, 10**5, 10**9])
def test_chunks_have_at_least_a_row_and_no_more_numbers_than_there_is_room_for(numbers, device):
    rows = rows_at_once(numbers, torch.device(device))
    room = CACHED_NUMBERS * (1 if device == "cpu" else 32)
    assert 1 <= rows <= MAX_CHUNK_ROWS
    assert rows == 1 or rows * numbers <= room
    assert rows == MAX_CHUNK_ROWS or (rows + 1) * numbers > room


def test_only_a_processor_with_the_instructions_multiplies_bfloat16_fast():
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            flags = next(line for line in lines if line.startswith("flags")).split()
    except (OSError, StopIteration):
        pytest.skip("no flags in /proc/cpuinfo here")
    assert not fast_bfloat16("cpu") or "avx512_bf16" in flags or "amx_tile" in flags


def resident():
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as numbers:  # noqa: PTH123
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc here")  # noqa: PTH110
def test_reusing_freed_memory_takes_none():
    before = resident()
    for _ in range(10):
        reuse_freed_memory()
    assert resident() - before < LARGEST_KEPT / 8
