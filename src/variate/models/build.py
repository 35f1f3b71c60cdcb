"""Builds models from recipes: the only module that turns the names of options into objects.

To add a likelihood, posterior, prior or network: a module in its own folder, its name in `variate.config.recipe`, and
one line in a table here.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
from torch import nn

from variate import likelihoods
from variate.config.defaults import choose
from variate.config.recipe import Likelihood, ModelOptions, Recipe, Schema
from variate.data.arrays import from_arrays
from variate.data.dataset import Dataset, Splits
from variate.data.source import Source
from variate.errors import InputError, Option, Sentence, at_least, unknown
from variate.models import posteriors, priors
from variate.models.base import Model
from variate.models.checked import Array, check, expected
from variate.models.vae import VAE, Decoder, Encoder
from variate.networks import (
    ACTIVATIONS,
    MLP,
    Activate,
    ColumnInputs,
    ConvDecoder,
    ConvEncoder,
    Inputs,
    PlainMLP,
    Standardize,
)
from variate.runtime.random import seeded

POSTERIORS: dict[str, Callable[[int], posteriors.PosteriorFamily]] = {
    "isotropic": posteriors.Isotropic,
    "diagonal": posteriors.Diagonal,
    "full": posteriors.Full,
}

LIKELIHOODS: dict[Likelihood, Callable[[Schema, ModelOptions], likelihoods.Likelihood]] = {
    "bernoulli": lambda s, m: likelihoods.Bernoulli(s.shape),
    "quantized-gaussian": lambda s, m: likelihoods.QuantizedGaussian(s.shape, s.levels, m.scale, m.sigma),
    "discretized-logistic": lambda s, m: likelihoods.DiscretizedLogistic(
        s.shape, s.levels, m.mixtures or 1, m.scale, m.sigma
    ),
    "categorical": lambda s, m: likelihoods.Categorical(s.shape, s.levels),
    "gaussian": lambda s, m: likelihoods.Gaussian(s.shape, m.scale, m.sigma),
    "student-t": lambda s, m: likelihoods.StudentT(s.shape, m.scale, m.sigma),
    "poisson": lambda s, m: likelihoods.Poisson(s.shape),
    "negative-binomial": lambda s, m: likelihoods.NegativeBinomial(s.shape),
}

COLUMNS: dict[Likelihood, Callable[[Schema, ModelOptions], likelihoods.Likelihood]] = {
    "columns": lambda s, m: likelihoods.Columns(s.columns, scale=m.scale),
    "gaussian": lambda s, m: likelihoods.Columns(s.columns, real="gaussian", scale=m.scale),
    "student-t": lambda s, m: likelihoods.Columns(s.columns, real="student-t", scale=m.scale),
    "poisson": lambda s, m: likelihoods.Columns(s.columns, counts="poisson"),
    "negative-binomial": lambda s, m: likelihoods.Columns(s.columns, counts="negative-binomial"),
}
"""For a table, a named likelihood is that of the columns it suits; the other columns have the default of their kind."""

PRIORS: dict[str, Callable[[Encoder, ModelOptions], nn.Module]] = {
    "normal": lambda encoder, m: priors.Normal(encoder.family.latent),
    "mixture": lambda encoder, m: priors.Mixture(encoder.family.latent, m.components),
    "vamp": lambda encoder, m: priors.Vamp(encoder, m.components),
}

LEAST = {"latent": 1, "width": 1, "depth": 0, "components": 1}
"""The smallest value of each option that is a size."""

ROWS_EXPECTED = 10_000
"""Number of training rows assumed when only the schema is known."""

PIXEL_FLOOR = 0.2
"""Added to the standard deviation that a pixel is divided by, as a fraction of the spread of all pixels."""


class Ends(NamedTuple):
    """The shapes of what goes into and comes out of the two networks of a model.

    Attributes:
        inputs: Shape of one row's scaled features, which the encoder's network takes.
        posterior: Numbers per row that the encoder's network returns.
        latent: Numbers per row that the decoder's network takes, d.
        likelihood: Shape of what the decoder's network returns for one row.
    """

    inputs: tuple[int, ...]
    posterior: int
    latent: int
    likelihood: tuple[int, ...]


Networks = Callable[[Ends], tuple[nn.Module, nn.Module]]
"""Makes the encoder's and the decoder's network for given shapes."""

NETWORKS: dict[str, Callable[[Ends, int, int, Activate], tuple[nn.Module, nn.Module]]] = {
    "mlp": lambda ends, *sizes: (
        MLP(ends.inputs, (ends.posterior,), *sizes),
        MLP((ends.latent,), ends.likelihood, *sizes),
    ),
    "conv": lambda ends, *sizes: (
        ConvEncoder(ends.inputs, ends.posterior, *sizes),
        ConvDecoder(ends.latent, ends.likelihood, *sizes),
    ),
    "plain": lambda ends, *sizes: (
        PlainMLP(ends.inputs, (ends.posterior,), *sizes),
        PlainMLP((ends.latent,), ends.likelihood, *sizes),
    ),
}
"""Makes two networks from their shapes, width, depth and activation."""


def default_networks(model: ModelOptions) -> Networks:
    """The networks that the options name."""
    width, depth = model.width, model.depth
    if width is None or depth is None:
        raise AssertionError("options are chosen before a model is built")

    networks, activation = NETWORKS[model.network], ACTIVATIONS[model.activation]
    return lambda ends: networks(ends, width, depth, activation)


def floor(schema: Schema) -> float:
    """The floor of `Standardize`: that of pixels and bits, whose values share one unit; 0 for other rows."""
    return PIXEL_FLOOR if schema.kind in ("pixels", "binary") or schema.is_image else 0.0


def from_recipe(recipe: Recipe, networks: Networks | None = None) -> VAE:
    """The untrained model that a recipe describes, with weights drawn from torch's global generator.

    Args:
        recipe: A complete recipe: no option is None or "auto".
        networks: Makes custom networks in place of the recipe's. The model then has no recipe, since its file could not
            be loaded without them.

    Raises:
        InputError: If an option is unknown, missing or out of range, or does not fit the data or another option.
    """
    model, schema = recipe.model, recipe.schema
    check_options(schema, model)
    if model.latent is None:
        raise AssertionError("options are checked before a model is built")
    likelihood = (COLUMNS if schema.columns else LIKELIHOODS)[model.likelihood](schema, model)
    family = POSTERIORS[model.posterior](model.latent)
    inputs: Inputs = ColumnInputs(schema.columns) if schema.columns else Standardize(schema.shape, floor(schema))
    ends = Ends(inputs.shape, family.num_outputs, model.latent, likelihood.out_shape)
    encoding, decoding = (networks or default_networks(model))(ends)
    encoder = Encoder(inputs, encoding, family)
    prior = PRIORS[model.prior](encoder, model)
    return VAE(encoder, Decoder(decoding, likelihood), prior, None if networks else recipe)


def check_options(schema: Schema, model: ModelOptions) -> None:
    """Checks the options of a model that is about to be built.

    Raises:
        InputError: If a name is not in the tables above, a size is missing or too small, or the likelihood does not fit
            the data.
    """
    tables: dict[str, Collection[str]] = {
        "likelihood": LIKELIHOODS.keys() | COLUMNS.keys(),
        "posterior": POSTERIORS,
        "prior": PRIORS,
        "network": NETWORKS,
        "activation": ACTIVATIONS,
    }
    for option, known in tables.items():
        name = getattr(model, option)
        if name not in known:
            raise unknown(option, name, known)
    for option, least in LEAST.items():
        size = getattr(model, option)
        if size is None:
            raise InputError(option, f"a number of at least {least}", None, "fill in open options with `choose` first")
        at_least(least, **{option: size})
    fitting = COLUMNS if schema.columns else LIKELIHOODS
    if model.likelihood not in fitting:
        names = ", ".join(sorted(fitting))
        raise InputError("likelihood", f"'auto' or one of {names} for {schema.kind} data", repr(model.likelihood))
    if schema.columns and model.scale == "optimal":
        raise InputError(
            "scale",
            "another scale for a table, since 'optimal' needs rows whose values share one unit",
            "'optimal'",
            Sentence("use ", Option("scale", "dimension")),
        )


def build(
    data: Schema | Source | Splits | Dataset | Array,
    model: ModelOptions | None = None,
    *,
    networks: Networks | None = None,
    seed: int = 0,
) -> VAE:
    """An untrained model for data. Options that are left open are chosen from the shape and the number of the rows.

    Args:
        data: Training rows, which also set the model's scalings: an array (N, *event), with images as (N, channels,
            height, width), or what `read` or `split` returned (of rows on disk, a sample sets the scalings); or only a
            schema, which leaves the scalings at the identity.
        model: Options; see `variate.ModelOptions`.
        networks: A function of `Ends` that makes two custom networks: from features (rows, *inputs) to
            (rows, posterior), and from latents (rows, latent) to (rows, *likelihood).
        seed: Seed of the weights; torch's global generator is left as it was.

    Returns:
        The untrained model, on the CPU.

    Raises:
        InputError: If the rows cannot be used as they are, or an option does not fit the data or another option.
    """
    if isinstance(data, Schema):
        with seeded(seed):
            return from_recipe(choose(data, ROWS_EXPECTED, model=model).recipe, networks)
    train = training_rows(data)
    with seeded(seed):
        vae = from_recipe(choose(train.schema, len(train), model=model).recipe, networks)
        fit_scaling(vae, train)
    return vae


def fit_scaling(model: Model, train: Dataset) -> None:
    """Sets the scalings of a model from training rows, once they are checked.

    Args:
        model: The model, changed in place.
        train: Training rows; of rows on disk a sample is taken. Where training draws bits from grey levels anew in each
            batch, the scalings are set from the probability of a 1.

    Raises:
        InputError: If the rows are not what the model takes.
    """
    some = train.sample()
    if not some.transforms:
        check(some, model.likelihood, model.takes_context, "data")
    model.fit_scaling(expected(some))


def training_rows(data: Source | Splits | Dataset | Array) -> Dataset:
    """The training rows of what was passed as data.

    Raises:
        InputError: If an array cannot be used as it is.
    """
    if isinstance(data, Splits):
        return data.train
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Source):
        return data.dataset
    values = np.asarray(data)
    rows = from_arrays(values, name="data")
    if rows.x.shape != values.shape[1:]:
        expected_shape = ", ".join(map(str, rows.x.shape))
        raise InputError("data", f"shape (N, {expected_shape}), with the channels second", values.shape, "reshape it")
    return rows
