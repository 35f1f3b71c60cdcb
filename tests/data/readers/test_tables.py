import numpy as np
import pyarrow as pa
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data.readers.tables import MOST_COLUMNS, require_table, table_source
from variate.errors import Option
from variate.runtime import memory

OPTIONS = DataOptions()
PEOPLE = pa.table(
    {
        "age": [22.5, 38.25, 26, 35.125],
        "sex": ["m", "f", "f", "m"],
        "siblings": [1, 0, 7, 0],
        "alive": [True, False, True, True],
        "wing": ["01", "01", "x", "02"],
    }
)
COLUMNS = (
    Column("age", "real", step=0.001, low=22.5, high=38.25),
    Column("sex", "categorical", ("f", "m")),
    Column("siblings", "counts", step=1, low=0, high=7),
    Column("alive", "binary", format="bool"),
    Column("wing", "categorical", ("01", "02", "x")),
)
SCHEMA = Schema("table", (5,), columns=COLUMNS)
VALUES = [[22.5, 1, 1, 1, 0], [38.25, 0, 0, 0, 0], [26, 0, 7, 1, 2], [35.125, 1, 0, 1, 1]]


def changed(**columns):
    return pa.table({name: columns.get(name, PEOPLE[name]) for name in PEOPLE.column_names})


def read(table=PEOPLE, options=OPTIONS, schema=None):
    return table_source(table, "x.csv", options, schema, ["a note"])


def test_columns_of_every_kind():
    source = read()
    assert (source.schema, source.name, source.notes[0]) == (SCHEMA, "x.csv", "a note")
    np.testing.assert_array_equal(source.x.all(), VALUES)
    assert source.x.dtype == np.float64


def test_all_real_columns_are_still_a_table():
    schema = read(pa.table({"a": [1.5, 2.5], "b": [-2, 3.25]})).schema
    assert schema == Schema(
        "table",
        (2,),
        columns=(Column("a", "real", step=0.1, low=1.5, high=2.5), Column("b", "real", step=0.01, low=-2, high=3.25)),
    )


def test_kinds_and_columns_asked_for():
    options = DataOptions(columns=(("siblings", "categorical"), ("alive", "real")), drop=("wing", "sex"))
    source = read(options=options)
    assert source.schema.columns == (
        COLUMNS[0],
        Column("siblings", "categorical", ("0", "1", "7")),
        Column("alive", "real", format="bool", step=1, low=0, high=1),
    )
    np.testing.assert_array_equal(source.x.all()[:, 1], [1, 0, 2, 0])


@pytest.mark.parametrize(
    ("options", "argument", "got", "remedy"),
    [
        (DataOptions(drop=("agee",)), "drop", "'agee'", "did you mean 'age'?"),
        (DataOptions(columns=(("agee", "real"),)), "columns", "'agee'", "did you mean 'age'?"),
        (DataOptions(columns=(("age", "real"),), drop=("age",)), "columns", "'age'", ""),
        (DataOptions(drop=tuple(c.name for c in COLUMNS)), "drop", "every column", "fewer"),
        (DataOptions(columns=(("age", "counts"),)), "column 'age' of x.csv", "22.5 in row 0", "columns"),
    ],
)
def test_options_that_do_not_fit(options, argument, got, remedy):
    error = refused(read, options=options)
    assert error.argument == argument
    assert got in error.got
    assert remedy in error.remedy


def test_options_and_models_of_other_kinds():
    error = refused(require_table, "x.csv", DataOptions(kind="real"), None)
    assert (error.argument, error.got) == ("kind", "'real'")
    assert Option("columns") in error.remedy.parts
    error = refused(require_table, "x.csv", OPTIONS, Schema("pixels", (1, 8, 8), levels=256))
    assert (error.argument, "pixels" in error.expected, error.got) == ("x.csv", True, "a table")
    require_table("x.csv", DataOptions(kind="table"), None)
    require_table("x.csv", DataOptions(kind="real"), SCHEMA)  # a model's kind counts, whatever the options say


@pytest.mark.parametrize(
    ("table", "got"),
    [
        (PEOPLE.slice(0, 0), "5 columns and no rows"),
        (pa.table({}), "none"),
        (pa.Table.from_arrays([pa.array([1])] * (MOST_COLUMNS + 1), [""] * (MOST_COLUMNS + 1)), "10,001"),
        (pa.Table.from_arrays([pa.array([1])] * 3, ["a", "b", "a"]), "more than one column 'a'"),
        (pa.Table.from_arrays([pa.array([1])] * 3, ["", "b", ""]), "2 columns without a name (number 0, 2,"),
        (pa.table({"a": [1], 1001 * "b": [1]}), "1,001 characters"),
        (pa.table({"a": ["x", "y", "z"]}), "one column, 'a', of text"),
    ],
)
def test_tables_that_are_refused(table, got):
    error = refused(read, table)
    assert error.argument == "x.csv"
    assert got in error.got


def test_rows_without_any_value_are_counted():
    empty = pa.table({"a": [1.5, None, 2.5, None], "b": ["x", None, "y", None]})
    assert "2 of 4 rows have no observed value." in read(empty).notes
    assert "2 of 4 rows have no observed value." in read(empty, schema=read(empty).schema).notes
    assert not any("observed" in note for note in read(changed(age=[22.5, None, 26, 35.125])).notes)


def test_all_columns_that_cannot_be_used_are_named_in_one_error():
    spans = pa.array([pa.MonthDayNano([0, 0, 1])] * 4)
    error = refused(read, changed(sex=spans, siblings=[np.inf, 0, 1, 2], wing=spans))
    assert error.argument == "x.csv"
    assert "3 columns" in error.got
    for told in ("'sex' (values of type month_day_nano_interval", "'siblings' (infinity in 1 row", "'wing' (values"):
        assert told in error.got
    assert Option("drop", ["sex", "siblings", "wing"]) in error.remedy.parts


def test_gaps_are_masked():
    table = changed(age=[22.5, None, 26, 35.125], wing=["01", "?", "x", "02"])
    source = read(table)
    assert source.dataset.mask.all().tolist() == [[True] * 5, [False, *[True] * 3, False], [True] * 5, [True] * 5]
    assert source.x.all()[1].tolist() == [0, 0, 0, 0, 0]
    assert [column.name for column in source.schema.columns if column.gaps] == ["age", "wing"]
    assert any("2 columns of 4 rows: 'age' (1), 'wing' (1)" in note for note in source.notes)
    again = read(table, schema=SCHEMA)
    np.testing.assert_array_equal(again.dataset.mask.all(), source.dataset.mask.all())
    assert any("'age' (1)" in note for note in again.notes)
    assert read().dataset.mask is None


def test_columns_that_are_set_aside_are_not_read():
    rows = 30
    table = pa.table(
        {"id": range(rows), "x": [0.5, 1.5, 3] * 10, "key": [f"k{row}" for row in range(rows)], "one": [1] * rows}
    )
    source = read(table)
    assert [column.name for column in source.schema.columns] == ["x"]
    assert [(own.name, own.place) for own in source.schema.aside] == [("id", 0), ("key", 2), ("one", 3)]
    again = read(table.select(["x"]), schema=source.schema)
    np.testing.assert_array_equal(again.x.all(), source.x.all())
    assert read(table, schema=source.schema).notes == ("a note",)


def test_more_than_the_machine_holds(monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: 2 * 8 * 4 * 5 - 1)
    assert refused(read).argument == "x.csv"
    monkeypatch.setattr(memory, "physical", lambda: 2 * 8 * 4 * 5)
    assert len(read()) == 4


def test_a_model_reads_columns_by_name():
    table = pa.table(
        {
            "wing": ["01", "02"],
            "extra": [None, "2020-01-01"],
            "alive": [1, 0],
            "siblings": [2, 0],
            "sex": ["f", "f"],
            "age": [1e3, -5],
        }
    )
    source = read(table, schema=SCHEMA)
    np.testing.assert_array_equal(source.x.all(), [[1000, 0, 2, 1, 0], [-5, 0, 0, 0, 1]])
    assert source.schema == SCHEMA
    assert source.notes[0] == "a note"
    assert "1 column that is not needed: extra" in source.notes[1]


def test_a_category_that_the_model_has_never_seen_is_told():
    source = read(changed(sex=["m", "d", "f", "m"]), schema=SCHEMA)
    assert source.x.all()[:, 1].tolist() == [1, 2, 0, 1]
    assert any("has never seen these values of 'sex': 'd' (1)" in note for note in source.notes)


def test_a_model_reads_what_trained_it():
    np.testing.assert_array_equal(read(schema=SCHEMA).x.all(), VALUES)


@pytest.mark.parametrize(
    ("table", "argument", "word", "remedy"),
    [
        (PEOPLE.rename_columns(["agee", *PEOPLE.column_names[1:]]), "x.csv", "1 column missing: age", "mean 'agee'?"),
        (PEOPLE.drop_columns(["age", "sex"]), "x.csv", "2 columns missing: age, sex", ""),
        (changed(age=["1", "old", "2", "3"]), "column 'age' of x.csv", "text such as 'old'", ""),
        (changed(siblings=[1, 0, 7.5, 0]), "column 'siblings' of x.csv", "7.5 in row 2 (counting from 0)", ""),
    ],
)
def test_what_a_model_cannot_take(table, argument, word, remedy):
    error = refused(read, table, schema=SCHEMA)
    assert error.argument == argument
    assert word in error.expected + error.got
    assert remedy in error.remedy


def test_what_a_model_needs_cannot_be_dropped():
    error = refused(read, options=DataOptions(drop=("age", "nothing")), schema=SCHEMA)
    assert (error.argument, error.got) == ("drop", "age")


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ([("Source: an office", None, None)], "a"),
        ([(None, None, 7)], "c"),
        ([("Oslo", 1.5, None)], None),
        ([(None, None, None)], None),
        ([("Oslo", None, None), ("Riga", None, None)], None),
    ],
)
def test_a_remark_below_the_rows_is_pointed_out(last, name):
    rows = [("Oslo", 1.5, 3), ("Riga", 2.5, 4)] * 20 + last
    notes = read(pa.table(dict(zip("abc", map(list, zip(*rows, strict=True)), strict=True)))).notes
    assert [f"but in {name!r};" in note for note in notes if "remark" in note] == [True] * (name is not None)
