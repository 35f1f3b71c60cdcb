"""Cells are written in samples as they came in the file."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data.readers.sources import read
from variate.data.schema.origin import named_columns
from variate.data.schema.written import as_written, form_of, in_form, written_as
from variate.data.writers import write_table

CELLS = {
    "%H:%M": ["07:35", "18:00"],
    "%H:%M:%S": ["07:35:00", "18:00:59"],
    "%Y-%m-%d %H:%M": ["2019-03-23 20:21", "1969-12-31 23:59"],
    "%Y-%m-%d %H:%M:%S": ["2019-03-23 20:21:09", "2019-03-24 00:00:00"],
    "%Y-%m-%dT%H:%M:%S": ["2019-03-23T20:21:09", "2019-03-24T00:00:00"],
    "%Y-%m-%dT%H:%M:%SZ": ["2019-03-23T20:21:09Z", "2019-03-24T00:00:00Z"],
    "%Y-%m-%dT%H:%M:%S+00:00": ["2019-03-23T20:21:09+00:00", "2019-03-24T00:00:00+00:00"],
    "%Y-%m-%d %H:%M:%S.%f": ["2019-03-23 20:21:09.250000", "2019-03-24 00:00:00.500000"],
    "False|True": ["True", "False"],
    "FALSE|TRUE": ["TRUE", "FALSE"],
}


@pytest.mark.parametrize("form", CELLS)
def test_forms_are_told_from_cells(form):
    assert form_of(CELLS[form]) == form


@pytest.mark.parametrize(
    "cells", [[], ["x"], ["07:35", "07:35:10"], ["True", "FALSE"], ["true"], ["1", "0"], ["2019-03-23"]]
)
def test_other_cells_have_no_form(cells):
    assert form_of(cells) == ""


@pytest.mark.parametrize("stream", ["off", "on"])
def test_a_file_comes_back_cell_for_cell(tmp_path, stream):
    cells = {
        **CELLS,
        "gaps %H:%M": ["07:35", "", "18:00"],
        "gaps bits": ["True", "", "False"],
        "small": ["true", "false"],
        "ticks": ["x", ""],
    }
    rows = [[own[number % len(own)] for own in cells.values()] for number in range(24)]
    path, back = tmp_path / "a.csv", tmp_path / "b.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(cells), *rows])
    source = read(path, DataOptions(stream=stream)).dataset
    values = np.array(source.x.take(np.arange(24)), dtype=float)
    values[~np.array(source.mask.take(np.arange(24)), dtype=bool)] = np.nan
    write_table(back, named_columns(values, source.schema, as_written))
    with back.open(newline="") as file:
        assert list(csv.reader(file)) == [list(cells), *rows]
    parquet = named_columns(values, source.schema)
    assert parquet["%Y-%m-%d %H:%M"].dtype.kind == "M"
    assert parquet["False|True"].dtype == bool


def test_whole_seconds_have_no_fraction_where_no_form_is_known():
    column = Column("a", "real", format="timestamp", step=60.0, low=0.0, high=120.0)
    assert as_written(np.array([60.0]), column).tolist() == ["1970-01-01 00:01:00"]
    assert as_written(np.array([60.5]), replace(column, step=0.5)).dtype == "datetime64[us]"


def test_draws_are_rounded_to_what_the_form_can_say_and_stay_in_its_range():
    assert in_form("%H:%M", 86_400 + 60.4) == "00:01"
    assert in_form("%Y-%m-%d %H:%M", 59.7) == "1970-01-01 00:01"
    assert in_form("%Y-%m-%d %H:%M", 1e300).startswith("9999")
    assert in_form("%Y-%m-%d %H:%M:%S.%f", 0.25) == "1970-01-01 00:00:00.250000"
    assert in_form("no|yes", 1.0) == "yes"


def test_only_bits_and_times_have_a_form():
    columns = (Column("a", "binary", format="bool"), Column("b", "real"), Column("c", "categorical", ("x",)))
    schema = written_as(Schema("table", (3,), columns=columns), dict.fromkeys("abc", "no|yes"))
    assert [column.written for column in schema.columns] == ["no|yes", "", ""]
