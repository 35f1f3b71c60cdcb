"""What moves do, in words."""

import numpy as np

from variate.config.schema import Column, Schema
from variate.data.schema.formats import BOOL
from variate.evaluation.latent_space.effects import ColumnMove
from variate.reports.moves import cell_said, moves_said

COLUMNS = (
    Column("age", "counts"),
    Column("sex", "categorical", ("female", "male")),
    Column("price", "real", step=0.01, low=0.0, high=99.0),
    Column("weight", "real"),
    Column("member", "binary", format=BOOL, written="FALSE|TRUE"),
    Column("joined", "real", format="date", step=1.0, low=0.0, high=99.0),
)
SCHEMA = Schema("table", (6,), columns=COLUMNS)


def test_cells_are_said_as_they_are_written():
    values = (23.0, 1.0, 12.3, 1.23456789, 1.0, 1.0)
    said = [cell_said(value, column) for value, column in zip(values, COLUMNS, strict=True)]
    assert said == ["23", "male", "12.3", "1.235", "TRUE", "1970-01-02"]
    long = Column("text", "categorical", ("x" * 100, "y"))
    assert cell_said(0.0, long) == "x" * 21 + "..."
    assert cell_said(0.0, Column("tick", "categorical", ("", "x"), blank=True)) == "empty"


def test_the_largest_moves_are_said_and_what_stays_is_not():
    moves = (
        ColumnMove(0, 0.8, 23.0, 61.0, None),
        ColumnMove(1, 0.5, 0.0, 1.0, (0.22, 0.81)),
        ColumnMove(3, 0.4, 7.0, 7.0, None),
        ColumnMove(2, 0.3, 1.25, 1.0, None),
        ColumnMove(4, 0.01, 0.0, 1.0, (0.5, 0.51)),
    )
    assert moves_said(moves, SCHEMA) == "age 23 -> 61, sex female -> male (22% -> 81%), price 1.25 -> 1"
    assert moves_said(moves, SCHEMA, 1) == "age 23 -> 61"
    assert moves_said(moves[-1:], SCHEMA) == "hardly anything"
    assert np.isclose(moves[0].share, 0.8)
