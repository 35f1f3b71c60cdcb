"""Cells come back as they came."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from variate.config.recipe import DataOptions
from variate.config.schema import Aside, Column
from variate.data.readers.sources import read
from variate.data.schema.origin import as_they_came, filler, named_columns
from variate.data.writers import write_table


@pytest.mark.parametrize(
    ("column", "values", "cells"),
    [
        (Column("c", "categorical", ("a", "b")), [1, 0], ["b", "a"]),
        (Column("c", "binary"), [0.2, 0.9], [0, 1]),
        (Column("c", "binary", format="bool"), [0, 1], [False, True]),
        (Column("c", "counts"), [3.2, 1], [3, 1]),
        (Column("c", "real"), [0.5, 1], [0.5, 1]),
        (Column("c", "real", format="number"), [0.5, 1], [0.5, 1]),
        (Column("c", "real", format="decimal-comma"), [0.5, 1], ["0,5", "1"]),
        (Column("c", "counts", format="percent"), [7.4, 1], ["7%", "1%"]),
        (Column("c", "real", format="%d.%m.%Y"), [18254.3, 0], ["24.12.2019", "01.01.1970"]),
        (Column("c", "real", format="time"), [3602.2, 86_400], ["01:00:02", "00:00:00"]),
    ],
)
def test_values_become_cells(column, values, cells):
    assert as_they_came(np.array(values, float), column).tolist() == cells


@pytest.mark.parametrize(
    ("own", "cells"),
    [
        (Aside("c", "constant", 0, "7", format=""), [7, 7]),
        (Aside("c", "constant", 0, "a"), ["a", "a"]),
        (Aside("c", "constant", 0, "7.5", format="decimal-comma"), ["7,5", "7,5"]),
        (Aside("c", "constant", 0, "1", format="bool"), [True, True]),
        (Aside("c", "constant", 0, "18254", format="%d.%m.%Y"), ["24.12.2019"] * 2),
        (Aside("c", "constant", 0, "18254", format="date"), [datetime.date(2019, 12, 24)] * 2),
        (Aside("c", "counter", 0, format=""), [1, 2]),
        (Aside("c", "identifier", 0), ["1", "2"]),
        (Aside("c", "text", 0), [None, None]),
        (Aside("c", "empty", 0), [None, None]),
    ],
)
def test_columns_that_were_set_aside_are_filled(own, cells):
    assert filler(own, 2).tolist() == cells


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_without_gaps_comes_back_cell_for_cell(tmp_path, ending):
    rng, rows = np.random.default_rng(0), 60
    table = pa.table(
        {
            "row": np.arange(1, rows + 1),
            "day": pa.array(rng.integers(0, 20_000, rows).astype(np.int32)).cast(pa.date32()),
            "moment": pa.array(rng.integers(0, 10**9, rows)).cast(pa.timestamp("s")),
            "unit": ["kg"] * rows,
            "since": pa.array([datetime.date(2019, 12, 24)] * rows),
            "on": rng.integers(0, 2, rows).astype(bool),
            "german": [f"{number},5" for number in rng.integers(0, 99, rows)],
            "text-day": [f"{1 + row % 28:02}.{1 + row % 12:02}.2019" for row in range(rows)],
            "size": rng.choice(["S", "M", "L"], rows),
            "visits": rng.negative_binomial(1, 0.1, rows),
        }
    )
    path, again = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    (csv.write_csv if ending == "csv" else parquet.write_table)(table, path)
    source = read(path, DataOptions())
    write_table(again, named_columns(source.x.all(), source.schema))
    found = csv.read_csv(again) if ending == "csv" else parquet.read_table(again)
    expected = csv.read_csv(path) if ending == "csv" else parquet.read_table(path)
    assert found.column_names == expected.column_names
    assert found.to_pydict() == expected.to_pydict()


@pytest.mark.parametrize(("names", "form"), [(("", "x", "y"), ""), (("", "1", "20"), "number")])
def test_ticks_that_have_grown_have_all_their_values(names, form):
    column = Column("tick", "categorical", names, format=form, blank=True)
    found = as_they_came(np.array([0.0, 1, 2]), column)
    assert found.mask.tolist() == [True, False, False]
    assert [str(value).removesuffix(".0") for value in found[1:]] == list(names[1:])
