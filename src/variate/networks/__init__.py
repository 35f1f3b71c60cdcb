"""Networks: what lies between data, latents and the parameters of distributions."""

from variate.networks.conv import ConvDecoder, ConvEncoder
from variate.networks.inputs import ColumnInputs, Inputs, Standardize
from variate.networks.mlp import MLP

__all__ = ["MLP", "ColumnInputs", "ConvDecoder", "ConvEncoder", "Inputs", "Standardize"]
