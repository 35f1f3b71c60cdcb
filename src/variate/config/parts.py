"""The parts that a model is composed of, by the names that a user types.

A new likelihood, posterior, prior or network is a module of its own and one line in a table here; the option's choices,
the help and the checks follow from the table. A part's path leads to a class or function below `variate` that is
imported when a model is built, so that this module loads no torch:

    likelihood   a `Likelihood` with `build(schema, options)`
    posterior    a `PosteriorFamily`, called with the number of latents
    prior        a `Prior` with `build(encoder, options)`
    network      a function of `Ends`, width, depth and activation that returns the encoder's and the decoder's network
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias


class LikelihoodPart(NamedTuple):
    """A likelihood.

    Attributes:
        path: Where it is.
        scale: Where its scale comes from by default; None if it has no scale.
        is_mixture: Whether it can have several components.
        columns: The kinds of columns of a table that it suits.
        of_tables: Whether it is only for tables.
    """

    path: str
    scale: Literal["conditional", "dimension"] | None = None
    is_mixture: bool = False
    columns: tuple[str, ...] = ()
    of_tables: bool = False


class NetworkPart(NamedTuple):
    """A pair of networks.

    Attributes:
        path: Where it is.
        units: What its width counts.
        of_images: Whether it is only for images.
    """

    path: str
    units: str = "units"
    of_images: bool = False


LIKELIHOODS: dict[str, LikelihoodPart] = {
    "bernoulli": LikelihoodPart("likelihoods.bernoulli.Bernoulli"),
    "quantized-gaussian": LikelihoodPart("likelihoods.quantized_gaussian.QuantizedGaussian", "conditional"),
    "discretized-logistic": LikelihoodPart("likelihoods.discretized_logistic.DiscretizedLogistic", "conditional", True),
    "categorical": LikelihoodPart("likelihoods.categorical.Categorical"),
    "gaussian": LikelihoodPart("likelihoods.gaussian.Gaussian", "dimension", columns=("real",)),
    "student-t": LikelihoodPart("likelihoods.student_t.StudentT", "dimension", columns=("real",)),
    "poisson": LikelihoodPart("likelihoods.poisson.Poisson", columns=("counts",)),
    "negative-binomial": LikelihoodPart("likelihoods.negative_binomial.NegativeBinomial", columns=("counts",)),
    "quantile-logistic": LikelihoodPart(
        "likelihoods.quantile_logistic.QuantileLogisticColumns", "conditional", True, ("real", "counts"), of_tables=True
    ),
    "columns": LikelihoodPart("likelihoods.columns.Columns", "dimension", of_tables=True),
}
POSTERIORS: dict[str, str] = {
    "isotropic": "models.posteriors.Isotropic",
    "diagonal": "models.posteriors.Diagonal",
    "full": "models.posteriors.Full",
}
PRIORS: dict[str, str] = {
    "normal": "models.priors.Normal",
    "mixture": "models.priors.Mixture",
    "vamp": "models.priors.Vamp",
}
NETWORKS: dict[str, NetworkPart] = {
    "mlp": NetworkPart("networks.mlp.mlp_pair"),
    "conv": NetworkPart("networks.conv.conv_pair", units="channels", of_images=True),
    "plain": NetworkPart("networks.plain.plain_pair"),
}

if TYPE_CHECKING:
    LikelihoodName: TypeAlias = str
    PosteriorName: TypeAlias = str
    PriorName: TypeAlias = str
    NetworkName: TypeAlias = str
else:  # the choices of the options, from the tables
    LikelihoodName = Literal[("auto", *LIKELIHOODS)]
    PosteriorName = Literal[tuple(POSTERIORS)]
    PriorName = Literal[tuple(PRIORS)]
    NetworkName = Literal[("auto", *NETWORKS)]


def load_part(path: str) -> Any:  # noqa: ANN401  a class or a function
    """What a path of a table leads to."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"variate.{module}"), name)
