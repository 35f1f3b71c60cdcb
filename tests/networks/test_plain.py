import math

import pytest
import torch

from variate.networks import PlainMLP


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
@pytest.mark.parametrize(
    ("in_shape", "out_shape"), [((3,), (5,)), ((1,), (1,)), ((2, 3, 4), (2, 1, 5)), ((7,), (2, 3))]
)
def test_rows_of_any_shape_to_rows_of_any_shape(in_shape, out_shape, depth):
    network = PlainMLP(in_shape, out_shape, width=6, depth=depth)
    assert network(torch.randn(4, *in_shape)).shape == (4, *out_shape)
    assert network(torch.randn(0, *in_shape)).shape == (0, *out_shape)
    assert len(list(network.parameters())) == 2 * (depth + 1)


@pytest.mark.parametrize("depth", [0, 1, 2, 4])
def test_the_map_is_the_formula_of_the_docstring(depth):
    network = PlainMLP((3,), (2, 2), width=5, depth=depth)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    *hidden, (last, bias) = zip(*[iter(network.parameters())] * 2, strict=True)
    x = h = torch.randn(4, 3)
    for weight, offset in hidden:
        h = torch.tanh(h @ weight.T + offset)
    torch.testing.assert_close(network(x), (h @ last.T + bias).reshape(4, 2, 2))


def test_weights_start_as_glorot_and_bengio_say():
    network = PlainMLP((300,), (100,), width=200, depth=2)
    for weight, bias in zip(*[iter(network.parameters())] * 2, strict=True):
        bound = math.sqrt(6 / sum(weight.shape))
        assert weight.abs().max() <= bound
        # A uniform's variance is bound^2 / 3; that of its sample variance is 4 bound^4 / (45 n). Within 4 deviations.
        error = 4 * bound**2 * math.sqrt(4 / (45 * weight.numel()))
        assert weight.square().mean().item() == pytest.approx(bound**2 / 3, abs=error)
        assert (bias == 0).all()


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_row_does_not_depend_on_the_others(depth):
    network = PlainMLP((3,), (2,), width=8, depth=depth)
    x = torch.randn(6, 3)
    torch.testing.assert_close(network(x)[2:3], network(x[2:3]), atol=1e-12, rtol=0)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_every_weight_has_a_gradient(depth):
    network = PlainMLP((3,), (2,), width=8, depth=depth)
    network(torch.randn(6, 3)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())
