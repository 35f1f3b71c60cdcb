"""Likelihoods p(x|z): modules that turn the outputs of a decoder network into the distribution of a row."""

from variate.likelihoods.base import Likelihood
from variate.likelihoods.bernoulli import Bernoulli
from variate.likelihoods.categorical import Categorical
from variate.likelihoods.columns import Columns
from variate.likelihoods.discretized_logistic import DiscretizedLogistic
from variate.likelihoods.gaussian import Gaussian
from variate.likelihoods.negative_binomial import NegativeBinomial
from variate.likelihoods.poisson import Poisson
from variate.likelihoods.quantile_logistic import QuantileLogisticColumns
from variate.likelihoods.quantized_gaussian import QuantizedGaussian
from variate.likelihoods.student_t import StudentT

__all__ = [
    "Bernoulli",
    "Categorical",
    "Columns",
    "DiscretizedLogistic",
    "Gaussian",
    "Likelihood",
    "NegativeBinomial",
    "Poisson",
    "QuantileLogisticColumns",
    "QuantizedGaussian",
    "StudentT",
]
