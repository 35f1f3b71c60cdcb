"""Networks: from data to the parameters of q(z|x), and from latents to the parameters of p(x|z)."""

from variate.networks.activations import ACTIVATIONS, Activate
from variate.networks.conv import ConvDecoder, ConvEncoder
from variate.networks.ends import Ends
from variate.networks.inputs import ColumnInputs, Inputs, Standardize
from variate.networks.mlp import MLP
from variate.networks.plain import PlainMLP

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Activate",
    "ColumnInputs",
    "ConvDecoder",
    "ConvEncoder",
    "Ends",
    "Inputs",
    "PlainMLP",
    "Standardize",
]
