import torch

from variate import machine


def test_threads_and_heap_are_put_back():
    before = torch.get_num_threads()
    with machine.threads(before + 1), machine.keeping_heap():
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
