"""What `auto` means: options chosen from the data's shape and size, each with its reason.

Deterministic: the same data and options give the same choice on any machine, so a recipe says all. The sizes were
chosen by measurement; `docs/benchmarks.md` has the figures.
"""

import dataclasses
import math
from typing import NamedTuple

from variate.config.recipe import DataOptions, Kind, Likelihood, ModelOptions, Recipe, Scale, Schema, TrainingOptions
from variate.errors import InputError, Option, Sentence

LIKELIHOODS: dict[Kind, tuple[Likelihood, str]] = {
    "binary": ("bernoulli", "every value is a bit"),
    "pixels": ("discretized-logistic", "grey levels are integers with an order"),
    "real": ("gaussian", "values are real numbers"),
    "counts": ("negative-binomial", "values are counts, which may be overdispersed"),
    "table": ("columns", "each column has the likelihood of its type"),
}

PIXELS: tuple[Likelihood, ...] = ("discretized-logistic", "quantized-gaussian")
UNSCALED: tuple[Likelihood, ...] = ("bernoulli", "categorical", "poisson", "negative-binomial")
"""Likelihoods without a scale of their own."""

CONV_FROM = 32
"""Images whose longer side is at least this get the convolutional pair."""

WORK = 3.1e12
"""Multiplications, forward, of a default run: two minutes or so of two cores with bfloat16."""
LEAST_EPOCHS, MOST_EPOCHS = 5, 150
"""Large models are not cut shorter, small ones do not go on longer."""
LEAST_STEPS, ENOUGH_STEPS = 1_000, 3_000
"""Few rows are seen more often than that: this many steps at the least, the second where they cost little."""
MANY_ROWS = 10_000
"""From here on, data bear the larger networks and richer likelihoods."""


class Choice(NamedTuple):
    """A recipe without `auto`, and the sentences that say why it is what it is."""

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
    """Fills in every option that the user left open.

    Args:
        schema: What a row is.
        num_rows: Training rows.
        source: Where the data came from, for the recipe.
        fingerprint: Hash of the data, for the recipe.
        data: How they were read, for the recipe.
        model: The user's choices; None fields and "auto" are open.
        training: The same.

    Returns:
        The complete recipe and its reasons.
    """
    model, why = choose_model(schema, num_rows, model or ModelOptions())
    training = choose_training(num_rows, training or TrainingOptions())
    return Choice(Recipe(schema, source, fingerprint, data or DataOptions(), model, training), why)


def choose_model(schema: Schema, num_rows: int, model: ModelOptions) -> tuple[ModelOptions, tuple[str, ...]]:
    """The model's open options and the sentences that say why."""
    likelihood, reason = LIKELIHOODS[schema.kind]
    if model.likelihood != "auto":
        likelihood, reason = model.likelihood, "as asked"
    refuse_unused(likelihood, model)
    conv = schema.is_image and max(schema.shape[1:]) >= CONV_FROM
    network = ("conv" if conv else "mlp") if model.network == "auto" else model.network
    if network == "conv" and not schema.is_image:
        raise InputError(
            "network", "another one for rows that are no images", "'conv'", Sentence("use ", Option("network", "mlp"))
        )
    many = num_rows >= MANY_ROWS
    chosen = dataclasses.replace(
        model,
        likelihood=likelihood,
        network=network,
        latent=model.latent if model.latent is not None else latents(schema),
        scale=scale(likelihood) if model.scale == "auto" else model.scale,
        mixtures=model.mixtures if model.mixtures is not None else mixtures(schema, num_rows, likelihood),
        width=model.width if model.width is not None else width(schema, num_rows, network == "conv"),
        depth=model.depth if model.depth is not None else (1 if network == "conv" else 3 if many else 2),
    )
    if model.network != "auto":
        shape = "as asked"
    elif conv:
        shape = f"images of {CONV_FROM} pixels a side or more"
    else:
        shape = "small images" if schema.is_image else "rows without a spatial layout"
    return chosen, (f"likelihood {likelihood}: {reason}", f"network {network}: {shape}")


def latents(schema: Schema) -> int:
    """Latent dimensions: about four times the cube root of a row's numbers (16 for 8x8, 32 for 28x28), half of few."""
    return min(128, math.ceil(schema.size / 2), 2 ** round(math.log2(4 * schema.size ** (1 / 3))))


def refuse_unused(likelihood: Likelihood, model: ModelOptions) -> None:
    """Refuses an option that the likelihood would ignore."""
    if likelihood in UNSCALED and (model.scale != "auto" or model.sigma is not None):
        given = "scale" if model.scale != "auto" else "sigma"
        raise InputError(
            given, f"none, since likelihood {likelihood!r} has no scale", getattr(model, given), "leave it out"
        )
    if likelihood != "discretized-logistic" and model.mixtures is not None:
        raise InputError(
            "mixtures", f"none, since likelihood {likelihood!r} is no mixture", model.mixtures, "leave it out"
        )


def scale(likelihood: Likelihood) -> Scale:
    """Where the decoder's scale comes from: pixels of one image differ in how sure they are, columns less so."""
    if likelihood in UNSCALED:
        return "auto"
    return "conditional" if likelihood in PIXELS else "dimension"


def mixtures(schema: Schema, num_rows: int, likelihood: Likelihood = "discretized-logistic") -> int:
    """Three logistics a pixel where there are rows enough to tell them apart, and levels enough to need them."""
    return 3 if likelihood == "discretized-logistic" and num_rows >= MANY_ROWS and schema.levels > 64 else 1


def width(schema: Schema, num_rows: int, conv: bool) -> int:
    """Units a layer: more for longer rows and for more of them, so that few rows do not meet a huge network."""
    if conv:
        return 64
    limit = 512 if num_rows >= MANY_ROWS else 256 if num_rows >= 1_000 else 128
    return min(limit, max(64, 2 ** math.ceil(math.log2(2 * schema.size))))


def choose_training(num_rows: int, training: TrainingOptions, cost: int | None = None) -> TrainingOptions:
    """The training's open options.

    Args:
        num_rows: Training rows.
        training: The user's choices.
        cost: Multiplications a row of one pass; without it the number of epochs stays open.
    """
    usual = min(128 if num_rows >= MANY_ROWS else 64, num_rows)
    batch = training.batch_size if training.batch_size is not None else usual
    epochs = training.epochs
    if epochs is None and cost is not None:
        affordable = WORK / (cost * batch)
        least = min(ENOUGH_STEPS, max(LEAST_STEPS, affordable))
        wanted = max(LEAST_EPOCHS, min(MOST_EPOCHS, affordable * batch / num_rows))
        epochs = math.ceil(max(wanted, least * batch / num_rows))
    return dataclasses.replace(
        training,
        batch_size=batch,
        epochs=epochs,
        lr=training.lr if training.lr is not None else 2e-3,
        clip=training.clip if training.clip is not None else 1.0,
    )
