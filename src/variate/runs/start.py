"""Going on from a trained model with new rows: what the new run takes from the old one.

The model's options are the old ones, and so is what decides the meaning of a column or a pixel. How the new rows are
split and how they are trained on is free. The new run is a run of its own: its recipe names its own data, and the model
that it went on from.
"""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

from variate.config.defaults import Choice, choose_training
from variate.config.recipe import DataOptions, ModelOptions, Recipe, Start, TrainingOptions
from variate.data import Source, Splits
from variate.errors import InputError, Option, Sentence
from variate.runs.directory import absolute
from variate.runs.run import Run
from variate.runtime.reading import opened
from variate.runtime.tensor_header import read_tensor_header

if TYPE_CHECKING:
    from variate.models.vae import VAE

KEPT = ("kind", "columns", "formats", "size", "mode", "transparency", "binarize", "condition")
"""Data options that are those of the old model: they decide what a row is."""
ADDED_TO = ("drop", "missing")
"""Data options that are the old ones, to which more may be added."""
AS_BEFORE = ("delimiter", "header", "encoding")
"""Data options that are the old ones unless others are given: they say how a file is written."""
LR = 1e-3
"""Peak learning rate, half of the usual one, which first makes a trained model worse."""
DIGITS = 12
"""Of the SHA-256, in hexadecimal."""


class Predecessor(NamedTuple):
    """The model that a run goes on from, and what it was made of.

    Attributes:
        start: The model.
        recipe: Its recipe.
    """

    start: Start
    recipe: Recipe


def predecessor(model: str, data: DataOptions, options: ModelOptions) -> Predecessor:
    """The model that a run goes on from.

    Args:
        model: A run directory or a model file.
        data: Data options as given; those at their default are not compared.
        options: Model options as given, likewise.

    Raises:
        InputError: If there is no such model, or an option differs from its own.
    """
    run = Run(model)
    recipe = run.recipe
    for given, saved, names in (
        (data, recipe.data, KEPT),
        (options, recipe.model, [field.name for field in dataclasses.fields(options)]),
    ):
        defaults = {field.name: field.default for field in dataclasses.fields(given)}
        for name in names:
            value, kept = getattr(given, name), getattr(saved, name)
            if value not in (defaults[name], kept):
                remedy = Sentence("leave it out, or train a new model without ", Option("start"))
                raise InputError(name, f"{kept!r} as in {model!r}, which the run goes on from", repr(value), remedy)
    path = absolute(str(run.model_file))
    return Predecessor(Start(path, digest_of(run)), recipe)


def digest_of(run: Run) -> str:
    """What tells the model of a run from every other one.

    Raises:
        InputError: If its file cannot be read.
    """
    with opened(run.model_file, "a model file") as file:
        return read_tensor_header(file).strings.get("sha256", "")[:DIGITS]


def data_options(given: DataOptions, old: DataOptions) -> DataOptions:
    """How the new rows are read.

    Args:
        given: The options as given.
        old: Those of the model.
    """
    defaults = DataOptions()
    kept = {name: getattr(old, name) for name in KEPT}
    kept |= {name: tuple(dict.fromkeys([*getattr(old, name), *getattr(given, name)])) for name in ADDED_TO}
    as_before = [name for name in AS_BEFORE if getattr(given, name) == getattr(defaults, name)]
    return dataclasses.replace(given, **kept, **{name: getattr(old, name) for name in as_before})


def require_dropped(options: DataOptions, old: DataOptions, source: Source) -> None:
    """Refuses to leave out columns that the new rows do not have; those that the old run left out need not be there.

    Raises:
        InputError: If an option names such a column.
    """
    named = [name for name in options.drop if name not in old.drop]
    there = {*source.unseen().columns, *(column.name for column in source.schema.aside)} if named else set()
    for name in named:
        if name not in there:
            raise InputError("drop", f"a column of {source.name} that the model does not need", repr(name))


def goes_on(earlier: Predecessor, splits: Splits, source: str, data: DataOptions, training: TrainingOptions) -> Choice:
    """The recipe of a run that goes on, and why it is what it is.

    Args:
        earlier: The model that it goes on from.
        splits: The new rows.
        source: Name or path of the data.
        data: How they were read.
        training: Training options. Unless they are given, the learning rate is `LR`, and the weight of the rate does
            not rise, since the latents of a trained model have something to say.
    """
    lr = LR if training.lr is None else training.lr
    warmup = 0.0 if training.kl_warmup is None else training.kl_warmup
    training = dataclasses.replace(training, lr=lr, kl_warmup=warmup)
    recipe = dataclasses.replace(
        earlier.recipe,
        schema=splits.schema,
        source=source,
        fingerprint=splits.fingerprint,
        data=data,
        training=choose_training(len(splits.train), training, splits.schema.kind),
        start=earlier.start,
    )
    return Choice(recipe, (f"goes on from {earlier.start.model}",))


def first_model(recipe: Recipe, splits: Splits) -> "VAE":
    """The model with which a run that goes on begins.

    Args:
        recipe: Of the run.
        splits: Its rows.

    Raises:
        InputError: If the file of the old model is gone, or holds another one by now.
    """
    from variate.models.growing import grow
    from variate.models.load import load

    assert recipe.start is not None
    run = Run(recipe.start.model)
    if digest_of(run) != recipe.start.digest:
        remedy = "start again, so that all of the run goes on from one model"
        raise InputError(recipe.start.model, "the model that it held when the run was planned", "another one", remedy)
    model = grow(load(run.model_file), splits)
    model.recipe = recipe
    return model
