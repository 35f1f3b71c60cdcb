"""A multilayer perceptron without residual connections, as in the first papers on variational autoencoders."""

import math
from collections.abc import Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from variate.networks.activations import Activate
from variate.networks.ends import Ends


class PlainMLP(nn.Module):
    """A map from rows of any shape to rows of any shape, with affine layers and activations only.

        h = x,    h <- a(W_l h + b_l),    out = W h + b

    Weights start uniform within sqrt(6 / (inputs + outputs)) of 0, biases at 0.

    Args:
        in_shape: Shape of one input row.
        out_shape: Shape of one output row.
        width: Units per hidden layer.
        depth: Hidden layers; with 0 the map is affine.
        activation: Makes the activations, a.

    References:
        Understanding the difficulty of training deep feedforward neural networks (Glorot & Bengio, 2010).
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        width: int = 200,
        depth: int = 2,
        activation: Activate = nn.Tanh,
    ) -> None:
        super().__init__()
        self.out_shape = tuple(out_shape)
        sizes = [math.prod(in_shape), *[width] * depth, math.prod(out_shape)]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [initialised(nn.Linear(inputs, outputs)), activation()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Float[Tensor, "rows ..."]) -> Float[Tensor, "rows ..."]:
        """Outputs, (rows, *out_shape), for inputs (rows, *in_shape)."""
        return self.layers(x.flatten(1)).reshape(len(x), *self.out_shape)


def initialised(linear: nn.Linear) -> nn.Linear:
    """The layer with the initial weights of Glorot and Bengio and biases of 0."""
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def plain_pair(ends: Ends, width: int, depth: int, activation: Activate) -> tuple[nn.Module, nn.Module]:
    """The encoder's and the decoder's network as MLPs without residual connections."""
    return (
        PlainMLP(ends.inputs, (ends.posterior,), width, depth, activation),
        PlainMLP((ends.latent,), ends.likelihood, width, depth, activation),
    )
