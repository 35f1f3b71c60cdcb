"""Distributions without state: Gaussians over latents, and distributions of rows."""

from variate.distributions.gaussian import (
    DiagonalGaussian,
    FullGaussian,
    GaussianConditional,
    IsotropicGaussian,
    StandardNormal,
)

__all__ = ["DiagonalGaussian", "FullGaussian", "GaussianConditional", "IsotropicGaussian", "StandardNormal"]
