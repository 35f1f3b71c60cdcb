"""What `auto` means: options that are chosen from the shape and the number of the rows, with reasons.

The same data and options give the same choice on any machine, so a run is described completely by its recipe. The sizes
were chosen by measurement; `docs/benchmarks.md` has the figures.
"""

import dataclasses
import math
from typing import NamedTuple

from variate.config.parts import LIKELIHOODS, NETWORKS
from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.schema import Kind, Schema
from variate.errors import InputError, Option, Sentence

OF_KIND: dict[Kind, tuple[str, str]] = {
    "binary": ("bernoulli", "every value is a bit"),
    "pixels": ("discretized-logistic", "grey levels are integers with an order"),
    "real": ("gaussian", "values are real numbers"),
    "counts": ("negative-binomial", "values are counts, which may be overdispersed"),
    "table": ("quantile-logistic", "each column of numbers has its own scale, grid and range"),
}
"""The likelihood for each kind of data, and why."""

CONV_WIDTH = 64
"""Channels of the finest feature map of the convolutional pair."""
CONV_FROM = 32
"""Images whose longer side has at least this many pixels get the convolutional pair."""

WORK = 3.1e12
"""Forward multiplications of a default run: about two minutes on two cores with bfloat16."""
LEAST_EPOCHS, MOST_EPOCHS = 5, 150
"""Limits on the automatic number of epochs."""
LEAST_STEPS, ENOUGH_STEPS = 1_000, 3_000
"""Least number of steps of an automatic run, for any model and for one whose steps cost little."""
MANY_ROWS = 10_000
"""Number of training rows from which the larger networks and richer likelihoods pay."""

TABLE_MIXTURES = 5
"""Components per column of numbers of a table."""
TABLE_WIDTH, TABLE_DEPTH = 256, 3
"""Size of a table's networks; a row costs so little that a step hardly takes longer."""
TABLE_STEPS = 6_000
"""Least number of steps of an automatic run on a table, as `ENOUGH_STEPS`."""
TABLE_BATCHES = 50
"""Batches that the rows of a table are divided into, within the limits of `batch_size`."""
TABLE_WARMUP = 0.1
"""Part of a run on a table in which the weight of the rate rises: without it, the latents of a small one collapse."""


class Choice(NamedTuple):
    """A complete recipe, and the reasons for its choices, one sentence each."""

    recipe: Recipe
    reasons: tuple[str, ...]


def choose(
    schema: Schema,
    num_rows: int,
    source: str = "",
    fingerprint: str = "",
    data: DataOptions | None = None,
    model: ModelOptions | None = None,
    training: TrainingOptions | None = None,
) -> Choice:
    """Chooses the options that are left open; only the number of epochs may stay open.

    Args:
        schema: What one row is.
        num_rows: Number of training rows.
        source: Where the data came from, for the recipe.
        fingerprint: Hash of the data, for the recipe.
        data: How the data were read, for the recipe.
        model: Model options; those that are None or "auto" are open.
        training: Training options, likewise.

    Returns:
        The recipe and the reasons.

    Raises:
        InputError: If an option does not fit the data or the likelihood.
    """
    model, why = choose_model(schema, num_rows, model or ModelOptions())
    training = choose_training(num_rows, training or TrainingOptions(), schema.kind)
    return Choice(Recipe(schema, source, fingerprint, data or DataOptions(), model, training), why)


def choose_model(schema: Schema, num_rows: int, model: ModelOptions) -> tuple[ModelOptions, tuple[str, ...]]:
    """The model options without open ones, and the reasons.

    Raises:
        InputError: If an option does not fit the data or the likelihood.
    """
    if model.latent == "auto":
        remedy = "choose it by `choose_latent`, which trains models, or leave it out"
        raise InputError("latent", "a number of latents", "'auto'", remedy)
    likelihood, reason = OF_KIND[schema.kind]
    if model.likelihood != "auto":
        likelihood, reason = model.likelihood, "as asked"
    refuse_unused(likelihood, model)
    network, why = choose_network(schema, model.network)
    small = not NETWORKS[network].of_images
    chosen = dataclasses.replace(
        model,
        likelihood=likelihood,
        network=network,
        latent=model.latent if model.latent is not None else latents(schema),
        scale=LIKELIHOODS[likelihood].scale or "auto" if model.scale == "auto" else model.scale,
        mixtures=model.mixtures if model.mixtures is not None else mixtures(schema, num_rows, likelihood),
        width=model.width if model.width is not None else width(schema, num_rows) if small else CONV_WIDTH,
        depth=model.depth if model.depth is not None else 1 if not small else depth(schema, num_rows),
    )
    return chosen, (f"likelihood {likelihood}: {reason}", f"network {network}: {why}")


def choose_network(schema: Schema, asked: str) -> tuple[str, str]:
    """The name of the network, and the reason.

    Raises:
        InputError: If the network is for images and the rows are not images.
    """
    if asked != "auto":
        if NETWORKS[asked].of_images and not schema.is_image:
            remedy = Sentence("use ", Option("network", "mlp"))
            raise InputError("network", "another network for rows that are not images", repr(asked), remedy)
        return asked, "as asked"
    if schema.is_image and max(schema.shape[1:]) >= CONV_FROM:
        return "conv", f"images with a side of at least {CONV_FROM} pixels"
    return "mlp", "small images" if schema.is_image else "rows without a spatial layout"


def latents(schema: Schema) -> int:
    """Number of latent dimensions for rows of D numbers: about 4 D^(1/3), at most D / 2 (16 for 8x8, 32 for 28x28); for
    tables of D columns at most D.
    """
    if schema.columns:
        return min(128, schema.size, math.ceil(4 * schema.size ** (1 / 3)))
    return min(128, math.ceil(schema.size / 2), 2 ** round(math.log2(4 * schema.size ** (1 / 3))))


def refuse_unused(likelihood: str, model: ModelOptions) -> None:
    """Checks that the likelihood uses the options that are set for it.

    Raises:
        InputError: If it would ignore an option.
    """
    part = LIKELIHOODS[likelihood]
    if part.scale is None and (model.scale != "auto" or model.sigma is not None):
        given = "scale" if model.scale != "auto" else "sigma"
        expected = f"none, since likelihood {likelihood!r} has no scale"
        raise InputError(given, expected, getattr(model, given), "leave it out")
    if not part.is_mixture and model.mixtures is not None:
        expected = f"none, since likelihood {likelihood!r} is not a mixture"
        raise InputError("mixtures", expected, model.mixtures, "leave it out")


def mixtures(schema: Schema, num_rows: int, likelihood: str) -> int:
    """Number of components: per column of numbers 5; per pixel 3 with enough rows to fit them and enough grey levels to
    need them, else 1.
    """
    if schema.columns:
        return TABLE_MIXTURES if LIKELIHOODS[likelihood].is_mixture else 1
    return 3 if LIKELIHOODS[likelihood].is_mixture and num_rows >= MANY_ROWS and schema.levels > 64 else 1


def width(schema: Schema, num_rows: int) -> int:
    """Units per hidden layer: twice the length of a row, within limits that grow with the number of rows; the same for
    all tables.
    """
    if schema.columns:
        return TABLE_WIDTH
    limit = 512 if num_rows >= MANY_ROWS else 256 if num_rows >= 1_000 else 128
    return min(limit, max(64, 2 ** math.ceil(math.log2(2 * schema.size))))


def depth(schema: Schema, num_rows: int) -> int:
    """Number of hidden layers: 3 for tables and for many rows, else 2."""
    return TABLE_DEPTH if schema.columns else 3 if num_rows >= MANY_ROWS else 2


def batch_size(num_rows: int, kind: Kind) -> int:
    """Rows per step: 64, or 128 of many; of a table as many as make 50 steps an epoch, from 64 to 512."""
    if kind == "table":
        return min(num_rows, max(64, min(512, 2 ** round(math.log2(num_rows / TABLE_BATCHES)))))
    return min(128 if num_rows >= MANY_ROWS else 64, num_rows)


def choose_training(num_rows: int, training: TrainingOptions, kind: Kind, cost: int | None = None) -> TrainingOptions:
    """The training options without open ones.

    Args:
        num_rows: Number of training rows.
        training: Training options; those that are None are open.
        kind: What the rows are.
        cost: Multiplications per row of one forward pass; None leaves open what depends on the number of epochs.
    """
    batch = training.batch_size if training.batch_size is not None else batch_size(num_rows, kind)
    epochs, warmup = training.epochs, training.kl_warmup
    if epochs is None and cost is not None:
        affordable = WORK / (cost * batch)
        least = min(TABLE_STEPS if kind == "table" else ENOUGH_STEPS, max(LEAST_STEPS, affordable))
        wanted = max(LEAST_EPOCHS, min(MOST_EPOCHS, affordable * batch / num_rows))
        epochs = math.ceil(max(wanted, least * batch / num_rows))
    if warmup is None and epochs is not None:
        warmup = TABLE_WARMUP * epochs if kind == "table" else 0.0
    return dataclasses.replace(
        training,
        batch_size=batch,
        epochs=epochs,
        lr=training.lr if training.lr is not None else 2e-3,
        clip=training.clip if training.clip is not None else 1.0,
        kl_warmup=warmup,
    )
