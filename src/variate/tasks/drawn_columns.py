"""Drawn rows beside real ones, column by column and pair by pair, as `compare` measures them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from variate.comparison.compare import paired_columns
from variate.comparison.marginals import ColumnComparison, compare_columns
from variate.comparison.pairs import PairComparison, compare_pairs
from variate.comparison.rows import halvings
from variate.config.schema import Column, ColumnKind, Schema
from variate.data import Splits
from variate.data.storage.base import evenly_spaced
from variate.runs import Run
from variate.tasks.latent_map import table_values
from variate.tasks.sample import sample

ELEMENTS = 12
"""Elements of rows without columns that are compared, spread evenly."""


class DrawnColumns(NamedTuple):
    """Columns of real and of drawn rows.

    Attributes:
        columns: The columns in their order.
        pairs: Pairs of columns, the one that fits worst first.
        num_real: Number of real rows.
        num_drawn: Number of drawn rows.
        of_real: Number of real rows that they were chosen from.
        of_columns: Number of columns or elements that those compared were chosen from.
    """

    columns: tuple[ColumnComparison, ...]
    pairs: tuple[PairComparison, ...]
    num_real: int
    num_drawn: int
    of_real: int
    of_columns: int


def drawn_columns(run: Run, splits: Splits, most: int, seed: int = 0) -> DrawnColumns:
    """Draws rows and compares their columns with those of all parts of the data.

    Args:
        run: The run of a model of rows that are no images.
        splits: Its data.
        most: Most rows of either kind, the real ones spread evenly over the parts.
        seed: Seed of the draws and of the halvings.

    Raises:
        InputError: If the model gives numbers that are not finite.
    """
    parts = [rows for rows in (splits.train, splits.validation, splits.test) if len(rows) and not rows.transforms]
    total = sum(map(len, parts))
    shares = [max(1, most * len(rows) // total) for rows in parts]
    chosen = [rows.select(evenly_spaced(len(rows), n)) for rows, n in zip(parts, shares, strict=True)]
    real = np.concatenate([table_values(rows).reshape(len(rows), -1) for rows in chosen])
    made = np.asarray(sample(run, min(most, total), seed=seed).rows, np.float64).reshape(-1, real.shape[1])
    schema = run.recipe.schema
    places = np.arange(real.shape[1]) if schema.columns else evenly_spaced(real.shape[1], ELEMENTS)
    columns = schema.columns or elements(schema, places.tolist())
    real, made = real[:, places], made[:, places]
    halves = halvings(len(real), len(made), seed)
    which = paired_columns(replace(schema, kind="table", shape=(len(columns),), columns=columns), seed)
    pairs = compare_pairs([columns[i] for i in which], made[:, which], real[:, which], halves)
    compared = compare_columns(columns, made, real, halves)
    return DrawnColumns(compared, pairs, len(real), len(made), total, schema.size)


def elements(schema: Schema, places: Sequence[int]) -> tuple[Column, ...]:
    """Some elements of rows without columns, as columns.

    Args:
        schema: What a row is.
        places: Numbers of the elements in a flat row.
    """
    kinds: dict[str, ColumnKind] = {"binary": "binary", "pixels": "counts", "counts": "counts"}
    return tuple(Column(f"x{place}", kinds.get(schema.kind, "real")) for place in places)
