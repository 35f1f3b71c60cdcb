import pytest
import torch
from torch.nn.functional import layer_norm, silu

from variate.networks import MLP
from variate.networks.mlp import SMALL_START


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
@pytest.mark.parametrize(
    ("in_shape", "out_shape"), [((3,), (5,)), ((1,), (1,)), ((2, 3, 4), (2, 1, 5)), ((7,), (2, 3))]
)
def test_rows_of_any_shape_to_rows_of_any_shape(in_shape, out_shape, depth):
    network = MLP(in_shape, out_shape, width=6, depth=depth)
    assert network(torch.randn(4, *in_shape)).shape == (4, *out_shape)
    assert network(torch.randn(0, *in_shape)).shape == (0, *out_shape)


def test_depth_zero_is_affine():
    network = MLP((3,), (2,), depth=0)
    x, y = torch.randn(4, 3), torch.randn(4, 3)
    torch.testing.assert_close(network(x) + network(y) - network(torch.zeros(4, 3)), network(x + y))
    assert len(list(network.parameters())) == 2


def test_the_map_is_the_formula_of_the_docstring():
    network = MLP((3,), (2,), width=5, depth=3)
    first, second, third, _, last = network.layers
    x = torch.randn(4, 3)
    h = x @ first.weight.T + first.bias
    for residual in (second, third):
        linear = residual.inner[-1]
        h = h + silu(layer_norm(h, (5,))) @ linear.weight.T + linear.bias
    torch.testing.assert_close(network(x), silu(h) @ last.weight.T + last.bias)


def test_another_activation_stands_in_all_its_places():
    network = MLP((3,), (2,), width=5, depth=3, activation=torch.nn.Tanh)
    first, second, third, _, last = network.layers
    x = torch.randn(4, 3)
    h = first(x)
    for residual in (second, third):
        h = h + residual.inner[-1](torch.tanh(layer_norm(h, (5,))))
    torch.testing.assert_close(network(x), last(torch.tanh(h)))


def test_output_layer_starts_small():
    torch.manual_seed(1)
    layer = MLP((3,), (200,), width=64, depth=2).layers[-1]
    bound = SMALL_START / 64**0.5  # torch's own start is uniform within 1 / sqrt(inputs)
    assert 0.9 * bound < layer.weight.abs().max() <= bound


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_row_does_not_depend_on_the_others(depth):
    network = MLP((3,), (2,), width=8, depth=depth)
    x = torch.randn(6, 3)
    torch.testing.assert_close(network(x)[2:3], network(x[2:3]), atol=1e-12, rtol=0)
    torch.testing.assert_close(network(x.flip(0)), network(x).flip(0), atol=1e-12, rtol=0)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_every_weight_has_a_gradient(depth):
    network = MLP((3,), (2,), width=8, depth=depth)
    network(torch.randn(6, 3)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())
