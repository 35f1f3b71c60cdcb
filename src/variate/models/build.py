"""From a recipe to a model, and from a file to a model: the one place where names become objects."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from variate import likelihoods
from variate.config.defaults import choose
from variate.config.recipe import FORMAT, Likelihood, ModelOptions, Recipe, Schema
from variate.data import Rows, Splits, Stream, Streamed, from_array, in_memory
from variate.errors import InputError, did_you_mean
from variate.models import posteriors, priors
from variate.models.vae import VAE, Array, Decoder, Encoder
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
from variate.runtime import files
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
"""For tables, a likelihood's name says that of the columns it fits; the others keep their own."""

PRIORS: dict[str, Callable[[Encoder, ModelOptions], nn.Module]] = {
    "normal": lambda encoder, m: priors.Normal(encoder.family.latent),
    "mixture": lambda encoder, m: priors.Mixture(encoder.family.latent, m.components),
    "vamp": lambda encoder, m: priors.Vamp(encoder, m.components),
}

LEAST = {"latent": 1, "width": 1, "depth": 0, "components": 1}
"""The smallest value of each size that an option sets."""

ROWS_EXPECTED = 10_000
"""How many training rows a model is built for when only their schema is known."""

PIXEL_FLOOR = 0.2
"""Least spread that a pixel is divided by, as a part of the spread of all pixels."""


class Ends(NamedTuple):
    """What the two networks of a model lie between.

    Attributes:
        inputs: Shape of one row's scaled features, which the encoder's network takes.
        posterior: How many numbers a row the encoder's network gives.
        latent: How many numbers a row the decoder's network takes.
        likelihood: Shape of what the decoder's network gives for one row.
    """

    inputs: tuple[int, ...]
    posterior: int
    latent: int
    likelihood: tuple[int, ...]


Networks = Callable[[Ends], tuple[nn.Module, nn.Module]]
"""Makes the encoder's and the decoder's network."""

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
"""Each makes its two networks from the ends, width, depth and activation."""


def default_networks(model: ModelOptions) -> Networks:
    """The networks that the options name."""
    width, depth = model.width, model.depth
    if width is None or depth is None:
        raise AssertionError("options are chosen before a model is built")

    networks, activation = NETWORKS[model.network], ACTIVATIONS[model.activation]
    return lambda ends: networks(ends, width, depth, activation)


def floor(schema: Schema) -> float:
    """Levels of one kind (pixels, bits) share a least spread; other rows are scaled dimension by dimension."""
    return PIXEL_FLOOR if schema.kind in ("pixels", "binary") or schema.is_image else 0.0


def from_recipe(recipe: Recipe, networks: Networks | None = None) -> VAE:
    """The untrained model that a complete recipe describes, its weights drawn from torch's global generator.

    Args:
        recipe: With nothing left open.
        networks: Makes networks of one's own in place of the recipe's; the model then has no recipe, since a file could
            not build them again.

    Raises:
        InputError: If the recipe asks for what does not go together.
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
    """Refuses names that are not in the tables above, impossible sizes, and a table's likelihood for what is none."""
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
            raise InputError(f"{option} {name!r} is unknown{did_you_mean(name, known)}")
    for option, least in LEAST.items():
        value = getattr(model, option)
        if value is None or value < least:
            raise InputError(f"{option} must be at least {least}, got {value}")
    if model.likelihood not in (COLUMNS if schema.columns else LIKELIHOODS):
        fitting = ", ".join(sorted(COLUMNS if schema.columns else LIKELIHOODS))
        raise InputError(f"likelihood {model.likelihood!r} is not for {schema.kind} data: use 'auto', {fitting}")
    if schema.columns and model.scale == "optimal":
        raise InputError("scale 'optimal' is for rows of one kind: use 'dimension' for the columns of a table")


def build(
    data: Schema | Rows | Streamed | Splits | Array,
    model: ModelOptions | None = None,
    *,
    networks: Networks | None = None,
    seed: int = 0,
) -> VAE:
    """A model for this data: everything that the options leave open is chosen from its shape and size.

    Args:
        data: Training rows, which also set the model's scalings: (N, *event), images as (N, channels, height, width),
            or what `read` or `split` gave (of a stream, a sample sets the scalings); or only a schema.
        model: Options; see `variate.ModelOptions`.
        networks: A function of `Ends` that makes two networks of one's own: from features (rows, *inputs) to
            (rows, posterior), and from latents (rows, latent) to (rows, *likelihood).
        seed: Seeds the weights; torch's global generator is left as it was.

    Returns:
        The untrained model.

    Raises:
        InputError: If the rows cannot be used as they are, or the options do not go together.
    """
    if isinstance(data, Schema):
        with seeded(seed):
            return from_recipe(choose(data, ROWS_EXPECTED, model=model).recipe, networks)
    schema, train = described(data)
    rows = torch.from_numpy(in_memory(train))
    with seeded(seed):
        vae = from_recipe(choose(schema, len(train), model=model).recipe, networks)
        prepare(vae, rows, schema.levels if isinstance(data, Splits) and data.redraw else 0)
    return vae


def prepare(vae: VAE, rows: Tensor, levels: int = 0) -> None:
    """Checks that the training rows are data that this is a model of, and sets its scalings from them.

    Args:
        vae: The model, changed in place.
        rows: Training rows, as they are.
        levels: Of grey rows whose bits are still to be drawn, how many grey levels; the scalings then take how likely
            1 is. Else 0.
    """
    vae.fit_scaling(rows / (levels - 1) if levels else vae.rows(rows))


def described(data: Rows | Streamed | Splits | Array) -> tuple[Schema, np.ndarray | Stream]:
    """The schema and the training rows of what was passed as data."""
    if isinstance(data, Splits):
        return data.schema, data.train
    if isinstance(data, Rows):
        return data.schema, data.values
    if isinstance(data, Streamed):
        return data.schema, data.rows
    values = np.asarray(data)
    rows = from_array(values, name="data")
    if rows.values.shape != values.shape:
        expected = ", ".join(map(str, rows.values.shape))
        raise InputError(f"data must have shape ({expected}), with the channels second, got {values.shape}: reshape it")
    return rows.schema, rows.values


def load(path: str | Path, into: VAE | None = None) -> VAE:
    """The model in a file that `VAE.save` wrote. Runs no code from the file.

    Args:
        path: The model file, or a run directory that holds a `model.safetensors`.
        into: A model of one's own networks, to take the weights; without it the file's recipe builds the model.

    Returns:
        The model, in evaluation mode, on the CPU.

    Raises:
        InputError: If the file is absent, damaged, of a newer version, or does not fit.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    tensors, metadata = files.read_tensors(path)
    check_format(path, metadata)
    if into is None and not metadata["recipe"]:
        raise InputError(
            f"{str(path)!r} holds a model of custom networks: build it and pass it as load(path, into=vae)"
        )
    with seeded(0):  # whatever weights are drawn are replaced: the user's generator shall not notice
        vae = into if into is not None else from_recipe(Recipe.from_json(metadata["recipe"]))
    if any(tensors[name].dtype == torch.float64 for name, _ in vae.named_parameters() if name in tensors):
        vae.double()
    try:
        vae.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(f"the weights in {str(path)!r} do not fit the model: {reason}") from None
    return vae.eval()


def check_format(path: Path, metadata: dict[str, str]) -> None:
    """Refuses files of a newer version, and files that hold no model."""
    version = metadata.get("format", "")
    if not version.isdecimal() or "recipe" not in metadata:
        raise InputError(f"{str(path)!r} holds no variate model")
    if int(version) > FORMAT:
        raise InputError(
            f"{str(path)!r} has format {version}, but this variate reads up to {FORMAT}: upgrade with "
            "`pip install -U variate`"
        )
