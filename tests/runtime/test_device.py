import platform
import resource

import pytest
import torch

from variate.runtime import device as machine


def test_threads_and_heap_are_put_back():
    before = torch.get_num_threads()
    with machine.threads(before + 1), machine.keeping_heap():
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's heap")
def test_large_buffers_are_reused_after_the_block_too():
    with machine.keeping_heap():
        pass
    numbers, turns = 1_000_000, 50
    torch.ones(numbers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(turns):
        torch.ones(numbers)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults < turns * numbers * 8 / resource.getpagesize() / 2  # else each is mapped anew, page by page
