"""Activation functions by name. A new one is a line in the table."""

from collections.abc import Callable

from torch import nn

from variate.config.recipe import ActivationName

Activate = Callable[[], nn.Module]
"""Makes an activation module."""

ACTIVATIONS: dict[ActivationName, Activate] = {
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
}
