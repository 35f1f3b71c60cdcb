import math

import pytest
import torch

from variate.networks import ACTIVATIONS

ORACLES = {
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_names_are_their_functions(name):
    x = torch.linspace(-4, 4, 33)
    expected = torch.tensor([ORACLES[name](value) for value in x.tolist()])
    torch.testing.assert_close(ACTIVATIONS[name]()(x), expected)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations_have_no_weights(name):
    assert not ACTIVATIONS[name]().state_dict()
