"""How useful a synthetic table is: what a model of one column is worth on real rows if it learned from synthetic ones.

Boosted trees learn the target from all other columns, once from real and once from as many synthetic rows, and both are
judged on the same real rows, which neither has seen. Standard errors are by resampling those rows; that of the
difference takes into account that both are judged on the same rows.

    a number         R2 = 1 - sum (y - f)^2 / sum (y - mean y)^2
    two categories   area under the ROC curve
    more categories  accuracy

References:
    Real-valued (medical) time series generation with recurrent conditional GANs (Esteban et al., 2017): "train on
    synthetic, test on real"
"""

from typing import Literal, NamedTuple

import numpy as np

from variate.comparison.detection import Learned, features, predicted
from variate.comparison.estimates import auc, bootstrapped
from variate.comparison.rows import TableRows, Values, chance, chosen
from variate.config.schema import Column, Schema
from variate.errors import InputError, unknown
from variate.statistics import Estimate

LEAST_ROWS = 10
"""Fewer rows with a target are not learned from, or judged on."""

Score = Literal["R2", "AUC", "accuracy"]


class Utility(NamedTuple):
    """What models of a column are worth on real rows that they have not seen.

    Attributes:
        target: Name of the column.
        score: What is measured; larger is better.
        real: The score of a model that learned from real rows.
        synthetic: The score of a model that learned from synthetic rows.
        lost: The former minus the latter.
        num_train: Number of rows that each learned from.
        num_test: Number of real rows that both are judged on.
    """

    target: str
    score: Score
    real: Estimate
    synthetic: Estimate
    lost: Estimate
    num_train: int
    num_test: int


def column_number(schema: Schema, target: str) -> int:
    """The place of the target among the columns.

    Raises:
        InputError: If there is no such column, or no other.
    """
    names = [column.name for column in schema.columns]
    if target not in names:
        raise unknown("target", target, names)
    if len(names) == 1:
        raise InputError("target", "other columns to tell it from", "a table with one column")
    return names.index(target)


def utility(schema: Schema, target: str, synthetic: TableRows, train: TableRows, test: TableRows, seed: int) -> Utility:
    """Trains on synthetic rows and on real rows, and compares the two models on other real rows.

    Args:
        schema: What the columns are.
        target: Name of the column to learn.
        synthetic: Rows of the synthetic table.
        train: Rows of the real table to learn from.
        test: Rows of the real table to judge by.
        seed: Seed of the choice of rows, the models and the resampling.

    Raises:
        InputError: If there is no such column, or too few rows have a value in it.
    """
    place = column_number(schema, target)
    made = _with_target(synthetic, schema, place, "synthetic rows")
    true = _with_target(train, schema, place, "real rows to learn from")
    judge = _with_target(test, schema, place, "real rows to judge by")
    size = min(len(made), len(true))
    made, true = (chosen(rows, size, seed, "utility") for rows in (made, true))
    column, y = schema.columns[place], judge.values[:, place]
    learned = [_learned(schema, place, rows.values, judge.values, train.values, seed) for rows in (true, made)]
    kind = score_of(column)

    def scores(index: np.ndarray) -> np.ndarray:
        real, own = (prediction_score(kind, y[index], predicted[index]) for predicted in learned)
        return np.array([real, own, real - own])

    real, own, lost = bootstrapped(scores, len(y), chance(seed, "utility"))
    return Utility(target, kind, real, own, lost, size, len(y))


def _with_target(rows: TableRows, schema: Schema, place: int, what: str) -> TableRows:
    """The rows with a value of the target; a category that the real table does not have is none.

    Raises:
        InputError: If there are too few.
    """
    column, cells = schema.columns[place], rows.values[:, place]
    there = ~np.isnan(cells)
    if column.kind in ("binary", "categorical"):
        there &= cells < max(len(column.categories), 2)
    if there.sum() < LEAST_ROWS:
        expected = f"a column with a value in at least {LEAST_ROWS} {what}"
        got = f"{column.name!r}, with a value in {there.sum()}"
        raise InputError("target", expected, got, "choose another column")
    return rows.select(np.flatnonzero(there))


def score_of(column: Column) -> Score:
    """The score for a column."""
    if column.kind in ("real", "counts"):
        return "R2"
    return "AUC" if column.kind == "binary" or len(column.categories) == 2 else "accuracy"


def _learned(schema: Schema, place: int, train: Values, test: Values, real: Values, seed: int) -> np.ndarray:
    """What a model that learned from the rows says of the target of other rows: a number, a category, or the score of
    the second of two categories.
    """
    others = (*schema.columns[:place], *schema.columns[place + 1 :])
    x, new = (np.delete(features(schema, part, real), place, axis=1) for part in (train, test))
    y = train[:, place]
    if len(np.unique(y)) == 1:  # from which trees would not learn
        return np.full(len(new), y[0])
    what: dict[Score, Learned] = {"R2": "number", "AUC": "probability", "accuracy": "category"}
    return predicted(others, seed, (x, y), new, what[score_of(schema.columns[place])])


def prediction_score(kind: Score, y: np.ndarray, predicted: np.ndarray) -> float:
    """The score of predictions; that of a constant where the true values are all equal."""
    if kind == "accuracy":
        return float(np.mean(y == predicted))
    if kind == "AUC":
        second = y == 1
        return auc(predicted[second], predicted[~second]).value if second.any() and not second.all() else 0.5
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - predicted) ** 2).sum()) / spread if spread > 0 else 0.0
