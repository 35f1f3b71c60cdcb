import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import Column, DataOptions, Schema
from variate.data.readers.csv_files import read_csv

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
@pytest.mark.parametrize("schema", [None, SCHEMA])
def test_a_table_in_text(tmp_path, name, text, schema):
    source = read_csv(write(tmp_path, text, name), OPTIONS, schema)
    assert (source.schema, source.name) == (SCHEMA, name)
    np.testing.assert_array_equal(source.x.all(), VALUES)
    assert any("semicolons" in note for note in source.notes) == (";" in text)


def test_types_are_told_from_all_cells_however_late(tmp_path):
    lines = ["a,b", *("1,2" for _ in range(400_000)), "0.5,x"]
    source = read_csv(write(tmp_path, "\n".join(lines)), OPTIONS, None)
    assert source.schema.columns == (Column("a", "real"), Column("b", "categorical", ("2", "x")))
    assert source.x.all()[-1].tolist() == [0.5, 1]


def test_quoted_cells(tmp_path):
    source = read_csv(write(tmp_path, 'a,b\n1.5,"x, ""y"""\n2.5,"two\nlines"\n3.5,"NA"\n'), OPTIONS, None)
    assert source.schema.columns[1].categories == ("NA", "two\nlines", 'x, "y"')


@pytest.mark.parametrize(
    ("text", "argument", "got"),
    [
        ("", "x.csv", "an empty file"),
        ("a,b\n", "x.csv", "2 columns and no rows"),
        ("a,b\n1,2\n3,4,5\n", "line 3 of {path}", "3"),
        ('a,b\n"1\n1",2\n3\n', "line 4 of {path}", "1"),
        ("1.5,2\n3,4\n", "x.csv", "a first line of numbers"),
        ("a,b\n1,x\n,y\n3,NA\n", "x.csv", "2 columns of its 3 rows: a (1), b (1)"),
        ("a,b\n1,\n2,\n", "x.csv", "1 column of its 2 rows: b (2)"),
        ("a,b\n1,nan\n2,1.5\n", "x.csv", "1 column of its 2 rows: b (1)"),
        ("a,b\n1,2020-01-01\n", "column 'b' of x.csv", "dates or times"),
        ("a,b\n1,2020-01-01 10:00:00\n", "column 'b' of x.csv", "dates or times"),
        ("a,b\n1,9007199254740993\n2,9007199254740995\n", "column 'b' of x.csv", "beyond 2^53"),
        ("a,b\n1,inf\n2,0.5\n", "column 'b' of x.csv", "infinity in 1 row"),
        ("a,b\n1," + 200_000 * "x" + "\n2,3,4\n", "{path}", "CSV parse error"),
        (b"\xe9,b\n1,2\n", "x.csv", "not UTF-8"),
        (b"a,b\n1,\xe9t\xe9\n", "column 'b' of x.csv", "not UTF-8"),
    ],
)
def test_text_that_is_refused(tmp_path, text, argument, got):
    path = write(tmp_path, text)
    error = refused(read_csv, path, OPTIONS, None)
    assert error.argument == argument.format(path=path)
    assert got in error.got
    if argument.startswith("line"):
        assert error.expected.startswith("2 cells")


def test_what_is_no_table_is_refused_before_the_file_is_read(tmp_path):
    assert refused(read_csv, tmp_path / "absent.csv", DataOptions(kind="real"), None).argument == "kind"
