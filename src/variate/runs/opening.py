"""A model from its file, and the rows to use it on."""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

import numpy as np

from variate.config.recipe import Precision, Recipe
from variate.data import Rows, Splits, Streamed, fingerprint, read, split
from variate.data.storage.stream import HELD_OUT_BYTES, spread
from variate.data.transforms import ROWS, draw
from variate.errors import InputError
from variate.runs.directory import absolute

if TYPE_CHECKING:
    from variate.models.vae import VAE


class Opened(NamedTuple):
    """A model and the recipe in its file."""

    vae: "VAE"
    recipe: Recipe


def open_model(path: str) -> Opened:
    """Loads a model file that holds its recipe."""
    from variate.models.build import load

    vae = load(path)
    if vae.recipe is None:
        raise InputError(f"{path!r} holds no recipe")
    return Opened(vae, vae.recipe)


def run_in(vae: "VAE", precision: Precision) -> str:
    """Sets the precision of a model's networks; auto takes the one it was trained in, where the machine is fast at it.

    Returns:
        The precision.
    """
    import torch

    from variate.runtime.device import fast_bfloat16

    if precision == "auto":
        trained = vae.recipe.training.precision if vae.recipe else "float32"
        precision = "bfloat16" if trained == "bfloat16" and fast_bfloat16(vae.device.type) else "float32"
    vae.set_precision(torch.bfloat16 if precision == "bfloat16" else None)
    return precision


class HeldOut(NamedTuple):
    """Rows to judge a model by.

    Attributes:
        rows: As they are, (N, *event).
        part: What they are, in words.
        source: Name or path of the data.
        fingerprint: Of the data that they are from.
    """

    rows: np.ndarray
    part: str
    source: str
    fingerprint: str


def rows_for(recipe: Recipe, source: str | None) -> HeldOut:
    """Held-out rows for a model: all of the data given, or the test part of its own."""
    if is_foreign(source, recipe):
        found = read_for(recipe, source)
        rows = some_rows(found, recipe) if isinstance(found, Streamed) else all_rows(found)
        part = source
        if isinstance(found, Streamed) and len(rows) < len(found.rows):
            part = f"{len(rows):,} of the {len(found.rows):,} rows of {source}, spread evenly"
        return HeldOut(rows, part, absolute(source), fingerprint(found))
    parts = own_splits(recipe)
    return HeldOut(parts.test, f"test part of {parts.name}", recipe.source, parts.fingerprint)


def read_for(recipe: Recipe, source: str) -> Rows | Streamed:
    """Data as a model takes them; whether others than its own are streamed depends on their own size."""
    options = replace(recipe.data, stream="auto") if is_foreign(source, recipe) else recipe.data
    return read(source, options, schema=recipe.schema)


def some_rows(data: Streamed, recipe: Recipe) -> np.ndarray:
    """As many rows of a stream as are held in memory, spread evenly, in their order."""
    rows = data.rows.take(spread(len(data.rows), data.rows.limit(HELD_OUT_BYTES)))
    if not data.grey:
        return rows
    return draw(rows, data.schema.levels, np.random.default_rng([recipe.data.split_seed, ROWS]))


def is_foreign(source: str | None, recipe: Recipe) -> TypeGuard[str]:
    """Whether data were given that are not those that the model was trained on."""
    return source is not None and absolute(source) != recipe.source


def own_splits(recipe: Recipe) -> Splits:
    """The data that a model was trained on, parted as they were then."""
    parts = split(read(recipe.source, recipe.data, schema=recipe.schema), recipe.data)
    if parts.fingerprint != recipe.fingerprint:
        raise InputError(
            f"{recipe.source!r} is no longer the data that the model was trained on, so its test part is not held out; "
            "give the rows to use as DATA"
        )
    return parts


def all_rows(rows: Rows) -> np.ndarray:
    """Every row, an official test set last."""
    return rows.values if rows.test is None else np.concatenate([rows.values, rows.test])
