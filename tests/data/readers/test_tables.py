import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from variate.config.recipe import Column, DataOptions, Schema
from variate.data.readers.tables import read_table
from variate.errors import InputError
from variate.runtime import memory

OPTIONS = DataOptions()
PEOPLE = """age,sex,siblings,alive,wing
22.5,m,1,true,01
38.25,f,0,false,01
26,f,7,true,x
35.1,m,0,true,02
"""
COLUMNS = (
    Column("age", "real"),
    Column("sex", "categorical", ("f", "m")),
    Column("siblings", "counts"),
    Column("alive", "binary"),
    Column("wing", "categorical", ("01", "02", "x")),
)
SCHEMA = Schema("table", (5,), columns=COLUMNS)
VALUES = [[22.5, 1, 1, 1, 0], [38.25, 0, 0, 0, 0], [26, 0, 7, 1, 2], [35.1, 1, 0, 1, 1]]


def write(tmp_path, text, name="x.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def write_parquet(tmp_path, columns):
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def refused(path, *arguments):
    with pytest.raises(InputError) as error:
        read_table(path, *(arguments or (OPTIONS, None)))
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", PEOPLE),
        ("x.CSV", PEOPLE.replace("\n", "\r\n")),
        ("x.csv", "\ufeff" + PEOPLE),
        ("x.tsv", PEOPLE.replace(",", "\t")),
        ("x.csv", PEOPLE.replace(",", ";")),
    ],
)
def test_csv(tmp_path, name, text):
    rows = read_table(write(tmp_path, text, name), OPTIONS, None)
    assert rows.schema == SCHEMA
    np.testing.assert_array_equal(rows.values, VALUES)
    assert rows.values.dtype == np.float64
    assert any("semicolons" in note for note in rows.notes) == (";" in text)


def test_parquet(tmp_path):
    columns = {
        "age": pa.array([22.5, 38.25, 26, 35.125], pa.float32()),
        "sex": pa.array(["m", "f", "f", "m"]).dictionary_encode(),
        "siblings": pa.array([1, 0, 7, 0], pa.uint8()),
        "alive": pa.array([True, False, True, True]),
        "wing": pa.array(["01", "01", "x", "02"], pa.large_string()),
        "cost": pa.array(["1.25", "3.50", "-1.00", "2.00"]).cast(pa.decimal128(5, 2)),
    }
    rows = read_table(write_parquet(tmp_path, columns), OPTIONS, None)
    assert rows.schema.columns == (*COLUMNS, Column("cost", "real"))
    np.testing.assert_allclose(rows.values[:, :5], VALUES, rtol=1e-3)
    np.testing.assert_array_equal(rows.values[:, 5], [1.25, 3.5, -1, 2])


def test_types_are_told_from_all_cells_however_late(tmp_path):
    lines = ["a,b", *("1,2" for _ in range(400_000)), "0.5,x"]
    rows = read_table(write(tmp_path, "\n".join(lines)), OPTIONS, None)
    assert rows.schema.columns == (Column("a", "real"), Column("b", "categorical", ("2", "x")))
    assert rows.values[-1].tolist() == [0.5, 1]


def test_quoted_cells(tmp_path):
    rows = read_table(write(tmp_path, 'a,b\n1.5,"x, ""y"""\n2.5,"two\nlines"\n3.5,"NA"\n'), OPTIONS, None)
    assert rows.schema.columns[1].categories == ("NA", "two\nlines", 'x, "y"')


def test_all_real_columns_are_still_a_table(tmp_path):
    rows = read_table(write(tmp_path, "a,b\n1.5,-2\n2.5,3.25\n"), OPTIONS, None)
    assert rows.schema == Schema("table", (2,), columns=(Column("a", "real"), Column("b", "real")))


def test_kinds_and_columns_asked_for(tmp_path):
    options = DataOptions(columns=(("siblings", "categorical"), ("alive", "real")), drop=("wing", "sex"))
    rows = read_table(write(tmp_path, PEOPLE), options, None)
    assert rows.schema.columns == (
        Column("age", "real"),
        Column("siblings", "categorical", ("0", "1", "7")),
        Column("alive", "real"),
    )
    np.testing.assert_array_equal(rows.values[:, 1], [1, 0, 2, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (DataOptions(drop=("agee",)), "--drop names 'agee', which is no column of x.csv; did you mean 'age'?"),
        (DataOptions(columns=(("agee", "real"),)), "--columns names 'agee', which is no column of x.csv; did you mean"),
        (DataOptions(columns=(("age", "real"),), drop=("age",)), "--columns names 'age', which is no column"),
        (DataOptions(drop=tuple(c.name for c in COLUMNS)), "--drop names every column"),
        (DataOptions(kind="real"), "is a table, whose columns have a kind each, not real"),
        (DataOptions(columns=(("age", "counts"),)), "column 'age' of x.csv was to be counts, but row 0"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message):
    assert message in refused(write(tmp_path, PEOPLE), options, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.csv is empty; give a table with a header line"),
        ("a,b\n", "x.csv has 2 columns and no rows"),
        ("a,b\n1,2\n3,4,5\n", "line 3 of {path} has 3 cells, but the header line has 2"),
        ('a,b\n"1\n1",2\n3\n', "line 4 of {path} has 1 cell, but the header line has 2"),
        ("a,b,a\n1,2,3\n", "x.csv has more than one column 'a'; rename them"),
        ("1.5,2\n3,4\n", "the first line of x.csv holds numbers; put a line with the columns' names above it"),
        ("a,b\n1,x\n,y\n3,NA\n", "missing cells in 2 columns of its 3 rows: a (1), b (1); fill them"),
        ("a,b\n1,\n2,\n", "missing cells in 1 column of its 2 rows: b (2)"),
        ("a,b\n1,nan\n2,1.5\n", "missing cells in 1 column of its 2 rows: b (1)"),
        ("a\nx\ny\nz\n", "x.csv has one column, 'a', and it is text, which is not a table"),
        ("a,b\n1,2020-01-01\n", "column 'b' of x.csv holds dates or times, which have no likelihood here"),
        ("a,b\n1,2020-01-01 10:00:00\n", "holds dates or times"),
        ("a,b\n1,9007199254740993\n2,9007199254740995\n", "column 'b' of x.csv holds whole numbers beyond 2^53"),
        ("a,b\n1,inf\n2,0.5\n", "column 'b' of x.csv holds infinity in 1 row"),
        ("a,b\n1," + 200_000 * "x" + "\n2,3,4\n", "{path} cannot be read as a table (CSV parse error"),
        (b"\xe9,b\n1,2\n", "the header line of x.csv is no UTF-8 text; save the file as UTF-8"),
        (b"a,b\n1,\xe9t\xe9\n", "column 'b' of x.csv holds bytes that are no UTF-8 text"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, message):
    path = write(tmp_path, text)
    assert message.format(path=path) in refused(path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([[1], [2]]), "column 'b' of x.parquet holds values of type list"),
        (pa.array([datetime.time(1), datetime.time(2)]), "dates or times"),
        (pa.array([b"a", b"b"]), "bytes that are no UTF-8 text"),
        (pa.array([1, None]), "missing cells in 1 column of its 2 rows: b (1)"),
        (pa.array([1.0, float("nan")]), "missing cells in 1 column of its 2 rows: b (1)"),
        (pa.array(["a", None]).dictionary_encode(), "missing cells"),
    ],
)
def test_parquet_columns_that_are_refused(tmp_path, values, message):
    assert message in refused(write_parquet(tmp_path, {"a": [1, 2], "b": values}))


def test_parquet_cut_short(tmp_path):
    path = write_parquet(tmp_path, {"a": [1, 2]})
    path.write_bytes(path.read_bytes()[:-9])
    assert "is no whole Parquet file" in refused(path)


def test_parquet_larger_than_the_machine(tmp_path, monkeypatch):
    path = write_parquet(tmp_path, {"a": [1, 2]})
    monkeypatch.setattr(memory, "physical", lambda: 10)
    assert "x.parquet needs" in refused(path)


def test_a_model_reads_columns_by_name(tmp_path):
    text = "wing,extra,alive,siblings,sex,age\n01,2020-01-01,1,2,f,1e3\n02,,0,0,f,-5\n"
    rows = read_table(write(tmp_path, text), OPTIONS, SCHEMA)
    np.testing.assert_array_equal(rows.values, [[1000, 0, 2, 1, 0], [-5, 0, 0, 0, 1]])
    assert rows.schema == SCHEMA
    assert rows.notes == ("1 column that the model does not know were left out: extra.",)


def test_a_model_reads_what_trained_it(tmp_path):
    path = write(tmp_path, PEOPLE)
    np.testing.assert_array_equal(read_table(path, OPTIONS, SCHEMA).values, VALUES)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("age,sex", "agee,sex", "x.csv lacks 1 column that the model needs: age; did you mean 'agee'?"),
        ("38.25,f", "38.25,d", "column 'sex' of x.csv holds 'd' in 1 row, which the model has not seen; it knows f, m"),
        ("38.25", "old", "column 'age' of x.csv was to be real, but holds text"),
        (",7,", ",7.5,", "column 'siblings' of x.csv was to be counts, but row 2 (counting from 0) holds 7.5"),
        ("38.25", "", "missing cells in 1 column of its 4 rows: age (1)"),
    ],
)
def test_what_a_model_cannot_take(tmp_path, old, new, message):
    assert message in refused(write(tmp_path, PEOPLE.replace(old, new)), OPTIONS, SCHEMA)


def test_what_a_model_needs_cannot_be_dropped(tmp_path):
    message = refused(write(tmp_path, PEOPLE), DataOptions(drop=("age", "nothing")), SCHEMA)
    assert message.startswith("--drop names age, which the model needs")


def test_a_model_of_no_table(tmp_path):
    message = refused(write(tmp_path, PEOPLE), OPTIONS, Schema("pixels", (1, 8, 8), levels=256))
    assert "is a table, but the model takes pixels rows of shape (1, 8, 8)" in message
