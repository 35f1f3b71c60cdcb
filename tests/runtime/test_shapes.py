import threading

import pytest
import torch
from torch import nn

from variate.runtime.shapes import shapes_only


def test_shapes_and_types_without_values_or_draws():
    before = torch.get_rng_state()
    with shapes_only():
        layer = nn.Linear(10**6, 10**6)
        made = [torch.zeros(3), torch.randn(2, 3), torch.tensor([1, 2]), torch.randperm(5), nn.LayerNorm(4).weight]
    assert layer.weight.shape == (10**6, 10**6)
    assert {tensor.device.type for tensor in [layer.weight, layer.bias, *made]} == {"meta"}
    assert [tensor.dtype for tensor in made] == [torch.float64, torch.float64, torch.int64, torch.int64, torch.float64]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.zeros(1).device.type == "cpu"


def test_other_threads_go_on_as_usual():
    found = []
    with shapes_only():
        thread = threading.Thread(target=lambda: found.append(torch.ones(2)))
        thread.start()
        thread.join()
    assert found[0].tolist() == [1, 1]


def test_too_large_a_tensor_and_too_many_calls_are_refused():
    with shapes_only(largest=12):
        nn.Linear(4, 3)
        with pytest.raises(OverflowError, match="4"):
            nn.Linear(4, 4)
    for calls in range(1_000, 1_040):  # wherever the limit is reached, gradients are on afterwards
        with shapes_only(calls=calls), pytest.raises(OverflowError):
            nn.Sequential(*(nn.Linear(1, 1) for _ in range(1_000)))
        assert torch.is_grad_enabled()
    with torch.no_grad():
        with shapes_only(calls=100), pytest.raises(OverflowError):
            nn.Sequential(*(nn.Linear(1, 1) for _ in range(1_000)))
        assert not torch.is_grad_enabled()
