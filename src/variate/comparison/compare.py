"""`compare`: whether a synthetic table is good, and whether it is a copy."""

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from variate.comparison.copies import Copies, find_copies
from variate.comparison.detection import detect
from variate.comparison.marginals import ColumnComparison, compare_columns
from variate.comparison.membership import Membership, membership
from variate.comparison.pairs import PairComparison, compare_pairs
from variate.comparison.rows import TableRows, chance, chosen, halvings
from variate.comparison.tables import Path, Real, TwoTables, given_tables
from variate.comparison.utility import Utility, column_number, utility
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data import Dataset, Source, Splits
from variate.data.conversion import Frame
from variate.data.wording import told
from variate.errors import InputError
from variate.limits import Rows, Seed, checked_arguments
from variate.models.base import Model
from variate.models.entry import require_model
from variate.runs.run import Run
from variate.statistics import Estimate

MOST_ROWS_COMPARED = 10_000
"""Rows of each table that are compared by default, drawn by the seed."""
MOST_PAIRED = 100
"""Columns whose pairs are compared, drawn by the seed; they have 4,950 pairs."""


class Comparison(NamedTuple):
    """How a synthetic table differs from the real one, and how much of the real one is in it.

    Attributes:
        names: What the real and the synthetic table are called.
        num_real: Number of real rows that were compared.
        num_synthetic: Number of synthetic rows that were compared.
        of_real: Number of real rows that they were chosen from.
        of_synthetic: Number of synthetic rows that they were chosen from.
        columns: The columns in their order.
        pairs: Pairs of columns, the one furthest above its yardstick first.
        num_paired: Number of columns whose pairs were compared.
        auc: How well a classifier tells synthetic rows from real ones; 0.5 is not at all.
        auc_same_gaps: The same after columns that have gaps in one table only were given them in the other one, too;
            None if there is no such column.
        copies: Rows that equal a real one, and distances to the nearest real one.
        membership: What the model says of both tables, if it was given.
        utility: What models of the target are worth, if one was named.
        notes: What was assumed when the tables were read, one sentence each.
    """

    names: tuple[str, str]
    num_real: int
    num_synthetic: int
    of_real: int
    of_synthetic: int
    columns: tuple[ColumnComparison, ...]
    pairs: tuple[PairComparison, ...]
    num_paired: int
    auc: Estimate
    auc_same_gaps: Estimate | None
    copies: Copies
    membership: Membership | None
    utility: Utility | None
    notes: tuple[str, ...]


@checked_arguments
def compare(
    real: Real,
    synthetic: Path | Frame | Source | Dataset | ArrayLike,
    options: DataOptions = DataOptions(),  # noqa: B008  frozen
    *,
    model: Path | Run | Model | None = None,
    target: str | None = None,
    num_rows: Rows = MOST_ROWS_COMPARED,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Comparison:
    """Compares a synthetic table with the real one.

    The schema of the real table decides what the columns are. The result does not depend on the order of the rows.

    Args:
        real: The real table: a path, a table in memory such as a data frame, or what `read` or `split` gave. Of splits,
            the training part is what the generator may have copied, and the test part is what it has not seen.
        synthetic: The synthetic table: a path, a table in memory, or rows in the schema of the real table, as drawn by
            `model.sample`.
        options: How files are read; not beside a run, which has its own.
        model: The model that drew the rows: a run or its path, which knows its training rows, or, with splits, the
            model itself. It says how probable the rows are, and whether it remembers its training rows.
        target: A column that models learn from real and from synthetic rows, to be compared on real rows.
        num_rows: Most rows of each table to compare, drawn by the seed.
        seed: Seed of every choice of rows and every draw; the same seed gives the same numbers.
        show_progress: Show progress bars on standard error, on a terminal.

    Raises:
        InputError: If the tables cannot be read, differ in their columns or have too few rows; or if the model or the
            target cannot be used.
    """
    run = _run(model)
    if run is not None and options != DataOptions():
        raise InputError("options", "none beside a run, which has its own", repr(options), "leave them out")
    if model is not None and run is None:
        require_model(model)
        if not isinstance(real, Splits):
            expected = "splits, whose training part the model was trained on"
            raise InputError("real", expected, told(real), "give what `split` gave, or give the model as a run")
    given = given_tables(real, synthetic, options, run)
    scorer = run or (model if isinstance(model, Model) else None)
    return compare_given(given, scorer, target=target, num_rows=num_rows, seed=seed, show_progress=show_progress)


def _run(model: object) -> Run | None:
    """The run that a model was given as."""
    if isinstance(model, str | os.PathLike):
        return Run(os.fspath(model))
    return model if isinstance(model, Run) else None


def compare_given(
    given: TwoTables,
    model: Run | Model | None,
    *,
    target: str | None,
    num_rows: int,
    seed: int,
    show_progress: bool = False,
) -> Comparison:
    """Compares tables that were read; arguments as for `compare`."""
    schema = given.schema
    if target is not None:
        column_number(schema, target)
    real, synthetic = (chosen(rows, num_rows, seed, "compared") for rows in (given.real, given.synthetic))
    halves = halvings(len(real), len(synthetic), seed)
    gaps_differ = bool((np.isnan(real.values).any(axis=0) != np.isnan(synthetic.values).any(axis=0)).any())
    which = paired_columns(schema, seed)
    known = given.real if given.train is None else given.train
    return Comparison(
        names=given.names,
        num_real=len(real),
        num_synthetic=len(synthetic),
        of_real=len(given.real),
        of_synthetic=len(given.synthetic),
        columns=compare_columns(schema.columns, synthetic.values, real.values, halves),
        pairs=compare_pairs(
            [schema.columns[i] for i in which], synthetic.values[:, which], real.values[:, which], halves
        ),
        num_paired=len(which),
        auc=detect(schema, synthetic, real, seed),
        auc_same_gaps=detect(schema, synthetic, real, seed, same_gaps=True) if gaps_differ else None,
        copies=find_copies(schema, given.synthetic, known, given.held_out, num_rows, seed),
        membership=None if model is None else _membership(given, model, seed, show_progress),
        utility=None if target is None else _utility(given, synthetic, real, target, num_rows, seed),
        notes=given.notes,
    )


def paired_columns(schema: Schema, seed: int) -> list[int]:
    """Numbers of the columns whose pairs are compared: all, or some of many."""
    number = len(schema.columns)
    if number <= MOST_PAIRED:
        return list(range(number))
    return sorted(chance(seed, "pairs").permutation(number)[:MOST_PAIRED].tolist())


def _membership(given: TwoTables, model: Run | Model, seed: int, show_progress: bool) -> Membership:
    if isinstance(model, Run):
        model.use_precision()
    scorer = model.model if isinstance(model, Run) else model
    assert given.train is not None
    assert given.held_out is not None
    return membership(scorer, given.schema, given.synthetic, given.train, given.held_out, seed, show_progress)


def _utility(given: TwoTables, synthetic: TableRows, real: TableRows, target: str, num_rows: int, seed: int) -> Utility:
    """Learns from the training part and judges on held-out rows; where they are not known, on two halves."""
    if given.train is not None and given.held_out is not None:
        train, test = (chosen(rows, num_rows, seed, "learned") for rows in (given.train, given.held_out))
    else:
        train, test = (real.select(half) for half in halvings(len(real), len(real), seed)[0])
    return utility(given.schema, target, synthetic, train, test, seed)
