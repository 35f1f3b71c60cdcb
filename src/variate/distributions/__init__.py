"""Distributions without state: Gaussians over latents, and distributions of rows."""

from variate.distributions.gaussian import (
    DiagonalGaussian,
    FullGaussian,
    Gaussian,
    IsotropicGaussian,
    StandardNormal,
)

__all__ = ["DiagonalGaussian", "FullGaussian", "Gaussian", "IsotropicGaussian", "StandardNormal"]
