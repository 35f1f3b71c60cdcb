"""Distributions without state, in the dialect of `torch.distributions`."""

from variate.distributions.gaussian import (
    DiagonalGaussian,
    FullGaussian,
    Gaussian,
    IsotropicGaussian,
    StandardNormal,
)

__all__ = ["DiagonalGaussian", "FullGaussian", "Gaussian", "IsotropicGaussian", "StandardNormal"]
