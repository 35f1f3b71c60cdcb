"""A multilayer perceptron with residual connections."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from variate.networks.activations import Activate
from variate.networks.ends import Ends

SMALL_START = 0.1
"""Factor on the usual initial weights of the output layer."""


class Residual(nn.Module):
    """x + f(x).

    Args:
        inner: f, which keeps the shape.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """The input plus f of it."""
        return x + self.inner(x)


class MLP(nn.Module):
    """A map from rows of any shape to rows of any shape, with pre-activation residual layers.

        h = W_0 x,    h <- h + W_l a(norm(h)),    out = W a(h)

    The output layer starts small, so that an untrained network gives nearly the same output for every row.

    Args:
        in_shape: Shape of one input row.
        out_shape: Shape of one output row.
        width: Units per hidden layer.
        depth: Hidden layers; with 0 the map is affine.
        activation: Makes the activations, a.
    """

    def __init__(
        self,
        in_shape: Sequence[int],
        out_shape: Sequence[int],
        width: int = 512,
        depth: int = 3,
        activation: Activate = nn.SiLU,
    ) -> None:
        super().__init__()
        self.out_shape = tuple(out_shape)
        inputs, outputs = math.prod(in_shape), math.prod(out_shape)
        layers: list[nn.Module] = [nn.Linear(inputs, width)] if depth else []
        for _ in range(depth - 1):
            layers.append(Residual(nn.Sequential(nn.LayerNorm(width), activation(), nn.Linear(width, width))))
        last = nn.Linear(width if depth else inputs, outputs)
        with torch.no_grad():
            last.weight.mul_(SMALL_START)
        self.layers = nn.Sequential(*layers, *([activation()] if depth else []), last)

    def forward(self, x: Float[Tensor, "rows ..."]) -> Float[Tensor, "rows ..."]:
        """Outputs, (rows, *out_shape), for inputs (rows, *in_shape)."""
        return self.layers(x.flatten(1)).reshape(len(x), *self.out_shape)


def mlp_pair(ends: Ends, width: int, depth: int, activation: Activate) -> tuple[nn.Module, nn.Module]:
    """The encoder's and the decoder's network as residual MLPs."""
    return (
        MLP(ends.inputs, (ends.posterior,), width, depth, activation),
        MLP((ends.latent,), ends.likelihood, width, depth, activation),
    )
