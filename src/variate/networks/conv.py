"""A pair of residual convolutional networks for images of any height, width and number of channels.

The encoder divides the sides by a patch of 2 or 4 pixels, then halves them, rounding up, until the longer one is at
most `COARSEST`, and doubles the channels each time up to `MAX_CHANNELS`; the decoder goes back through the same list of
sizes, so odd and non-square images need no padding. There are no blocks at full resolution, where they cost most: the
decoder's last convolution computes all pixels of a patch at once. Channels are powers of two, for which processors have
fast kernels (96 channels were measured at a tenth of the speed of 128).

    encoder  (C, H, W) -> conv, patch -> [blocks, conv, halve] x stages -> blocks -> flatten -> linear -> outputs
    decoder  z -> linear -> unflatten -> blocks -> [conv, double, blocks] x stages -> conv, shuffle -> (P, C, H, W)

References:
    Deep residual learning (He et al., 2016); real-time super-resolution by sub-pixel convolution (Shi et al., 2016).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from variate.networks.activations import Activate
from variate.networks.ends import Ends
from variate.networks.mlp import SMALL_START, Residual

LARGE = 48
"""Images whose longer side has at least this many pixels have patches of 4 x 4 pixels; smaller ones, of 2 x 2."""
COARSEST = 4
"""The longer side of the coarsest feature map is at most this."""
MAX_CHANNELS = 128
"""Channels stop doubling here."""
GROUP = 8
"""Least channels per normalisation group: a group of one would normalise a map of one pixel to zero."""


def patch(height: int, width: int) -> int:
    """Side of a patch in pixels; the first convolution maps each patch to one place of a feature map."""
    return 4 if max(height, width) >= LARGE else 2


def sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Heights and widths of the feature maps, finest first; the finest has one place per patch."""
    side = patch(height, width)
    pyramid = [(math.ceil(height / side), math.ceil(width / side))]
    while max(pyramid[-1]) > COARSEST:
        pyramid.append((math.ceil(pyramid[-1][0] / 2), math.ceil(pyramid[-1][1] / 2)))
    return pyramid


def channels(width: int, stages: int) -> list[int]:
    """Channels of the feature maps, finest first."""
    return [min(width * 2**stage, max(width, MAX_CHANNELS)) for stage in range(stages)]


def block(width: int, activation: Activate = nn.SiLU) -> Residual:
    """A residual block: normalise, activate and convolve, twice. The second convolution starts at zero."""
    last = nn.Conv2d(width, width, 3, padding=1)
    nn.init.zeros_(last.weight)
    first = nn.Conv2d(width, width, 3, padding=1)
    return Residual(nn.Sequential(norm(width), activation(), first, norm(width), activation(), last))


def blocks(width: int, depth: int, activation: Activate) -> list[Residual]:
    """The residual blocks of a stage."""
    return [block(width, activation) for _ in range(depth)]


def norm(width: int) -> nn.GroupNorm:
    """Group normalisation, which has no statistics over rows, so that a row's density does not depend on its batch."""
    most = max(1, width // GROUP)
    return nn.GroupNorm(next(groups for groups in range(most, 0, -1) if width % groups == 0), width)


class Resize(nn.Module):
    """Nearest-neighbour enlargement to an exact size.

    Args:
        size: Height and width.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Float[Tensor, "rows channels h w"]) -> Float[Tensor, "rows channels H W"]:
        """The enlarged maps."""
        return functional.interpolate(x, size=self.size, mode="nearest-exact")


class ConvEncoder(nn.Module):
    """A map from images to numbers.

    Args:
        in_shape: (channels, height, width).
        num_outputs: Outputs per row.
        width: Channels of the finest feature map.
        depth: Residual blocks per stage.
        activation: Makes the activations.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        num_outputs: int,
        width: int = 64,
        depth: int = 1,
        activation: Activate = nn.SiLU,
    ) -> None:
        super().__init__()
        pyramid = sizes(in_shape[1], in_shape[2])
        maps = channels(width, len(pyramid))
        side = patch(in_shape[1], in_shape[2])
        layers: list[nn.Module] = [nn.Conv2d(in_shape[0], width, 2 * side - 1, stride=side, padding=side - 1)]
        for fine, coarse in pairwise(maps):
            layers += [*blocks(fine, depth, activation), nn.Conv2d(fine, coarse, 3, stride=2, padding=1)]
        layers += [*blocks(maps[-1], depth, activation), norm(maps[-1]), activation(), nn.Flatten()]
        layers.append(nn.Linear(maps[-1] * math.prod(pyramid[-1]), num_outputs))
        self.layers = nn.Sequential(*layers)
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, x: Float[Tensor, "rows channels height width"]) -> Float[Tensor, "rows outputs"]:
        """Outputs, (rows, num_outputs)."""
        return self.layers(x)


class ConvDecoder(nn.Module):
    """A map from latents to images of parameters.

    Args:
        latent: Number of latent dimensions.
        out_shape: (parameters per pixel and channel, channels, height, width).
        width: Channels of the finest feature map.
        depth: Residual blocks per stage.
        activation: Makes the activations.
    """

    def __init__(
        self,
        latent: int,
        out_shape: Sequence[int],
        width: int = 64,
        depth: int = 1,
        activation: Activate = nn.SiLU,
    ) -> None:
        super().__init__()
        self.out_shape = tuple(out_shape)
        pyramid = sizes(out_shape[2], out_shape[3])
        maps = channels(width, len(pyramid))
        coarsest = (maps[-1], *pyramid[-1])
        layers: list[nn.Module] = [nn.Linear(latent, math.prod(coarsest)), nn.Unflatten(1, coarsest)]
        layers += blocks(maps[-1], depth, activation)
        for stage in reversed(range(len(maps) - 1)):
            layers += [nn.Conv2d(maps[stage + 1], maps[stage], 3, padding=1), Resize(pyramid[stage])]
            layers += blocks(maps[stage], depth, activation)
        side = patch(out_shape[2], out_shape[3])
        last = nn.Conv2d(maps[0], side**2 * out_shape[0] * out_shape[1], 3, padding=1)
        with torch.no_grad():
            last.weight.mul_(SMALL_START)
        self.layers = nn.Sequential(*layers, norm(maps[0]), activation(), last, nn.PixelShuffle(side))
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, z: Float[Tensor, "rows latent"]) -> Float[Tensor, "rows parameters channels height width"]:
        """Parameters of every pixel, (rows, *out_shape)."""
        pixels = self.layers(z)[..., : self.out_shape[2], : self.out_shape[3]]  # sides were rounded up to patches
        return pixels.reshape(len(z), *self.out_shape)


def conv_pair(ends: Ends, width: int, depth: int, activation: Activate) -> tuple[nn.Module, nn.Module]:
    """The encoder's and the decoder's network as residual convolutional networks."""
    return (
        ConvEncoder(ends.inputs, ends.posterior, width, depth, activation),
        ConvDecoder(ends.latent, ends.likelihood, width, depth, activation),
    )
