import itertools
import math

import pytest
import torch

from variate.networks import ACTIVATIONS, ConvDecoder, ConvEncoder
from variate.networks.conv import COARSEST, GROUP, MAX_CHANNELS, Resize, block, channels, norm, patch, sizes

SHAPES = [(1, 1), (5, 3), (1, 9), (28, 28), (64, 48), (31, 33)]


@pytest.mark.parametrize("channels_", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_size_have_their_outputs(shape, channels_):
    encoder = ConvEncoder((channels_, *shape), 7, width=4)
    decoder = ConvDecoder(3, (2, channels_, *shape), width=4)
    assert encoder(torch.randn(2, channels_, *shape)).shape == (2, 7)
    assert decoder(torch.randn(2, 3)).shape == (2, 2, channels_, *shape)


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("width", [1, 5, 16, 48])
def test_any_width_and_depth(width, depth):
    assert ConvEncoder((1, 9, 7), 3, width=width, depth=depth)(torch.randn(2, 1, 9, 7)).shape == (2, 3)
    assert ConvDecoder(3, (1, 1, 9, 7), width=width, depth=depth)(torch.randn(2, 3)).shape == (2, 1, 1, 9, 7)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_row_does_not_depend_on_the_others(shape):
    encoder, decoder = ConvEncoder((2, *shape), 7, width=4), ConvDecoder(3, (2, 2, *shape), width=4)
    for parameter in encoder.parameters():  # the blocks start as the identity: make them do something
        torch.nn.init.normal_(parameter, std=0.2)
    for parameter in decoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x, z = torch.randn(5, 2, *shape), torch.randn(5, 3)
    for network, rows in ((encoder, x), (decoder, z)):
        torch.testing.assert_close(network(rows)[2:3], network(rows[2:3]), atol=1e-10, rtol=1e-10)
        torch.testing.assert_close(network(rows.flip(0)), network(rows).flip(0), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_activation_stands_in_all_its_places(activation):
    encoder = ConvEncoder((1, 9, 7), 3, width=4, depth=2, activation=ACTIVATIONS[activation])
    decoder = ConvDecoder(3, (1, 1, 9, 7), width=4, depth=2, activation=ACTIVATIONS[activation])
    stages = len(sizes(9, 7))
    for network in (encoder, decoder):
        found = [type(m) for m in network.modules() if m.__module__ == "torch.nn.modules.activation"]
        assert found == [ACTIVATIONS[activation]] * (2 * 2 * stages + 1)  # two a block, one before the last layer


def test_blocks_activate_what_is_normalised():
    residual = block(8, torch.nn.Tanh)
    torch.nn.init.normal_(residual.inner[-1].weight)
    x = torch.randn(2, 8, 5, 4)
    first, last = (m for m in residual.inner if isinstance(m, torch.nn.Conv2d))
    expected = x + last(torch.tanh(norm(8)(first(torch.tanh(norm(8)(x))))))
    torch.testing.assert_close(residual(x), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pixel_and_every_latent_counts(shape):
    encoder, decoder = ConvEncoder((1, *shape), 3, width=4), ConvDecoder(3, (1, 1, *shape), width=4)
    x = torch.randn(1, 1, *shape, requires_grad=True)
    encoder(x).square().sum().backward()
    assert (x.grad != 0).all()
    steps = 1e-6 * torch.eye(3)
    z = torch.randn(1, 3)
    jacobian = (decoder(z + steps) - decoder(z - steps)).flatten(1).T
    assert (jacobian.abs().sum(0) > 0).all()
    assert (jacobian.abs().sum(1) > 0).all()


@pytest.mark.parametrize("shape", [*SHAPES, (4, 4), (1000, 1)])
def test_sizes_halve_rounding_up_until_coarse(shape):
    pyramid, side = [shape, *sizes(*shape)], patch(*shape)
    assert max(pyramid[-1]) <= COARSEST
    assert all(max(size) > COARSEST for size in pyramid[1:-1])
    for (height, width), coarse in itertools.pairwise(pyramid):
        assert coarse == (math.ceil(height / side), math.ceil(width / side))
        convolution = torch.nn.Conv2d(1, 1, 2 * side - 1, stride=side, padding=side - 1)
        assert convolution(torch.zeros(1, 1, height, width)).shape[2:] == coarse
        side = 2


def test_channels_double_up_to_a_limit_and_a_wide_network_stays_wide():
    assert channels(32, 5) == [32, 64, MAX_CHANNELS, MAX_CHANNELS, MAX_CHANNELS]
    assert channels(2 * MAX_CHANNELS, 3) == [2 * MAX_CHANNELS] * 3


def test_blocks_start_as_the_identity_plus_a_bias():
    x = torch.randn(2, 8, 5, 4)
    residual = block(8)
    change = residual(x) - x
    torch.testing.assert_close(change, residual.inner[-1].bias.reshape(1, 8, 1, 1).expand_as(change))


@pytest.mark.parametrize("width", [1, 5, 16, 24, 48, 256])
def test_norm_groups_divide_the_channels(width):
    groups = norm(width).num_groups
    assert width % groups == 0
    assert width // groups >= min(width, GROUP)
    if width % GROUP == 0:
        assert groups == width // GROUP
    x = torch.randn(2, width, 3, 3)
    per_group = norm(width)(x).reshape(2, groups, -1)
    torch.testing.assert_close(per_group.mean(-1), torch.zeros(2, groups), atol=1e-10, rtol=0)


def test_resize_repeats_the_nearest_pixel():
    x = torch.arange(6.0).reshape(1, 1, 2, 3)
    torch.testing.assert_close(Resize((4, 6))(x), x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    odd = Resize((3, 5))(x)
    assert odd.shape == (1, 1, 3, 5)
    # Output pixel i of 5 has its centre at (i + 1/2) 3/5 of the input's 3: pixels 0, 0, 1, 2, 2.
    torch.testing.assert_close(odd[0, 0, 0], torch.tensor([0.0, 0.0, 1.0, 2.0, 2.0]))
