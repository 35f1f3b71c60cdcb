"""Scores in words, in a file and as a picture."""

import numpy as np
import pytest

from variate import Column, Schema
from variate.evaluation.scores.drift import ColumnShift, Drift
from variate.reports.scores import cell_in_words, drift_in_words, heat, rank_in_words
from variate.tasks.score import OddRow

SCHEMA = Schema(
    "table",
    (4,),
    columns=(
        Column("day", "real", format="date"),
        Column("city", "categorical", ("Bern", "Oslo")),
        Column("price", "real", step=0.01),
        Column("", "counts"),
    ),
)


def odd_row(values, **changes):
    mask = np.isfinite(values)
    row = OddRow(3, 9.0, -9.0, 0.1, np.array(values), mask, np.ones(4), np.zeros(4), None, np.zeros(4, bool))
    return row._replace(**changes)


def test_cells_are_said_as_they_stand_in_the_table():
    row = odd_row([0.0, 1.0, 12.5, np.nan])
    assert [cell_in_words(row, place, SCHEMA) for place in range(4)] == ["1970-01-01", "'Oslo'", "12.5", "missing"]
    unseen = odd_row([0.0, 2.0, 12.5, 3.0], is_unseen=np.array([False, True, False, False]))
    assert cell_in_words(unseen, 1, SCHEMA) == "another value"
    assert cell_in_words(unseen, 3, SCHEMA) == "3"
    assert cell_in_words(unseen, 0, Schema("real", (4,))) == "0"


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (1 / 101, "odder than all 100 rows"),
        (2 / 101, "1 of 100 rows is at least as odd"),
        (3 / 101, "2 of 100 rows are at least as odd"),
        (1.0, "100 of 100 rows are at least as odd"),
    ],
)
def test_a_p_value_is_a_number_of_rows(p_value, words):
    assert rank_in_words(p_value, 100, "row") == words


def test_a_drift_is_told_with_the_columns_that_moved_most():
    rows = (ColumnShift("bound", 0.4, 1e-9, 2e-9), ColumnShift("rate", 0.1, 0.4, 1.0))
    found = Drift(rows, (ColumnShift(1, 0.3, 1e-4, 3e-4), ColumnShift(3, 0.1, 0.5, 1.0)), 1000, 200)
    told = list(drift_in_words(found, SCHEMA))
    assert told[0].startswith("have the data changed? yes")
    assert "1,000 new rows against 200 held-out rows" in told[0]
    assert told[-2].endswith("column 'city'")
    assert told[-1].endswith("column (no name)")
    same = Drift(rows[1:], (), 1000, 200)
    assert "nothing that chance does not explain" in next(drift_in_words(same, SCHEMA))
    many = Drift(rows, tuple(ColumnShift(1, 0.3, 0.5, 1.0) for _ in range(13)), 5, 5)
    assert list(drift_in_words(many, SCHEMA))[-1] == "  and 3 columns that moved less"


def test_colours_rise_with_the_cost_and_what_is_impossible_is_darkest():
    costs = np.array([[[0.0, 1.0], [5.0, np.inf]]])
    found = heat(costs)
    assert found.shape == (1, 3, 2, 2)
    assert found[0, :, 0, 0].tolist() == [255, 255, 255]
    assert found[0, :, 1, 0].tolist() == found[0, :, 1, 1].tolist() == [60, 0, 40]
    assert (heat(np.full((1, 2, 2), np.inf)) == heat(np.full((1, 2, 2), np.inf))[0, 0, 0, 0]).any()
