"""Columns of Arrow with their gaps filled: types stay, and values that were there stay to the last bit."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from variate.config.recipe import DataOptions
from variate.config.schema import Column
from variate.data.filled_tables import arrow_column, filled_tables
from variate.data.fillings import FilledColumn, Fillings
from variate.data.readers.originals import original_of
from variate.data.readers.tables import table_source

DAY = datetime.date(2020, 1, 1)
SECOND = datetime.datetime(2020, 1, 1, 10)
ORDERED = pa.DictionaryArray.from_arrays(pa.array([0, None, 2], pa.int8()), pa.array(["y", "x", "z"]), ordered=True)
CASES = {
    "int8": (pa.array([1, None, 3], pa.int8()), Column("a", "counts"), 2.4, 2),
    "int64": (pa.array([-1, None, 3]), Column("a", "real"), 2.4, 2),
    "float32": (pa.array([0.5, None, 1.5], pa.float32()), Column("a", "real"), 1.24, pytest.approx(1.2)),
    "float64 with NaN": (pa.array([0.25, float("nan"), 1.5]), Column("a", "real"), 1.249, 1.25),
    "decimal": (pa.array([Decimal("1.25"), None, Decimal("2.50")]), Column("a", "real"), 1.237, Decimal("1.24")),
    "bool": (pa.array([True, None, False]), Column("a", "binary", format="bool"), 1.0, True),
    "text": (pa.array(["x", None, "y"]), Column("a", "categorical", ("x", "y")), 1.0, "y"),
    "text with a mark": (pa.array(["x", "?", "y"]), Column("a", "categorical", ("x", "y")), 1.0, "y"),
    "large text": (pa.array(["x", None, "y"], pa.large_string()), Column("a", "categorical", ("x", "y")), 1.0, "y"),
    "dictionary": (pa.array(["x", None, "y"]).dictionary_encode(), Column("a", "categorical", ("x", "y")), 1.0, "y"),
    "ordered dictionary": (ORDERED, Column("a", "categorical", ("y", "x", "z"), ordered=True), 1.0, "x"),
    "dictionary without the value": (ORDERED, Column("a", "categorical", ("y", "w", "z")), 1.0, "w"),
    "dictionary of numbers": (pa.array([3, None, 1]).dictionary_encode(), Column("a", "categorical", ("3", "1")),
                              1.0, 1),
    "duration": (pa.array([10**9, None, 0], pa.duration("ns")), Column("a", "real", format="duration"), 90.2,
                 datetime.timedelta(seconds=90)),
    "numbers in text": (pa.array(["1.5", "n/a", "2"]), Column("a", "real", format="number"), 1.71, "1.7"),
    "whole numbers in text": (pa.array(["15", "-", "20"]), Column("a", "real", format="number"), 17.1, "17"),
    "named numbers": (pa.array([1, None, 3]), Column("a", "categorical", ("1", "3")), 1.0, 3),
    "date": (pa.array([DAY, None, DAY]), Column("a", "real", format="date"), 1.2, datetime.date(1970, 1, 2)),
    "timestamp": (pa.array([SECOND, None, SECOND], pa.timestamp("s")), Column("a", "real", format="timestamp"), 1.2,
                  datetime.datetime(1970, 1, 1, 0, 0, 1)),
    "timestamp with a zone": (pa.array([SECOND, None, SECOND], pa.timestamp("ns", "Europe/Zurich")),
                              Column("a", "real", format="timestamp"), 1.2,
                              pa.scalar(10**9, pa.timestamp("ns", "Europe/Zurich")).as_py()),
    "time": (pa.array([datetime.time(10), None, datetime.time(11)]), Column("a", "real", format="time"), 3661.2,
             datetime.time(1, 1, 1)),
    "nothing": (pa.nulls(3), Column("a", "categorical", ("x", "y")), 1.0, "y"),
    "no number": (pa.nulls(3), Column("a", "real"), 1.5, 1.5),
    "names where numbers are": (pa.array([1, None, 3]), Column("a", "categorical", ("1", "3", "x")), 2.0, "x"),
}  # fmt: skip


def values_of(cells, column):
    """The values as the model has them; the second is missing."""
    from variate.data.schema.arrow_columns import raw_column
    from variate.data.schema.values import column_values

    return column_values(raw_column("a", pa.chunked_array([cells]), "x"), column, "x")


@pytest.mark.parametrize("name", CASES)
def test_gaps_of_every_type_are_filled_in_the_type_of_the_column(name):
    cells, column, value, expected = CASES[name]
    values = values_of(cells, column).copy()
    missing = np.isnan(values)
    assert missing[1]
    values[missing] = value
    found = arrow_column(FilledColumn(column, values, missing), pa.chunked_array([cells]))
    kept = [0, 2] if not pa.types.is_null(cells.type) else []
    assert found[1].as_py() == expected
    if name == "names where numbers are":
        assert found.to_pylist() == ["1", "x", "3"]
    else:
        assert [found[n].as_py() for n in kept] == [cells[n].as_py() for n in kept]
        assert pa.types.is_null(cells.type) or found.type == cells.type
    if pa.types.is_dictionary(cells.type):
        assert found.dictionary[: len(cells.dictionary)].equals(cells.dictionary)


def table_with_gaps():
    table = pa.table(
        {
            "id": pa.array([7, 8, 9, 10]),
            "a": pa.array([1.5, None, 2.5, None]),
            "note": pa.array([[1], [2], None, [3]]),
            "b": pa.array(["x", "y", None, "x"]),
        }
    )
    schema = table_source(table.select(["a", "b"]), "t", DataOptions(), None).schema
    original = original_of(table, "t", DataOptions(), schema)
    (piece,) = original.pieces()
    return table, piece


def test_other_columns_stay_and_others_are_added():
    table, piece = table_with_gaps()
    assert [column.name for column in piece.rows.schema.columns] == ["a", "b"]
    missing = ~piece.rows.mask.all()
    values = np.where(missing, 1.0, piece.rows.x.all())
    std = np.where(missing, 0.5, 0.0)
    first, second = filled_tables(piece, Fillings(np.stack([values, values]), missing, (0, 1), std, (1, 2)))
    assert first.column_names == ["draw", "id", "a", "note", "b", "a_std", "b_std"]
    assert first["draw"].to_pylist() == [1, 1, 1, 1]
    assert second["draw"].to_pylist() == [2, 2, 2, 2]
    assert first["a"].to_pylist() == [1.5, 1.0, 2.5, 1.0]
    assert first["b"].to_pylist() == ["x", "y", "y", "x"]
    assert first["a_std"].to_pylist() == [None, 0.5, None, 0.5]
    for name in ("id", "note"):
        assert first[name].equals(table[name])
    (plain,) = filled_tables(piece, Fillings(values[None], missing, (0, 1)))
    assert plain.column_names == table.column_names
