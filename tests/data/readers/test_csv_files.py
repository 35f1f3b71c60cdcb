import csv
import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data.readers.csv_files import read_csv
from variate.data.readers.tables import MOST_COLUMNS
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
    Column("age", "real", step=0.01, low=22.5, high=38.25),
    Column("sex", "categorical", ("f", "m")),
    Column("siblings", "counts", step=1, low=0, high=7),
    Column("alive", "binary", format="bool"),
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
    source = read_csv(write(tmp_path, "\n".join(lines)), DataOptions(columns=(("b", "categorical"),)), None)
    assert source.schema.columns == (
        Column("a", "real", step=0.5, low=0.5, high=1),
        Column("b", "categorical", ("2", "x")),
    )
    assert source.x.all()[-1].tolist() == [0.5, 1]


def test_quoted_cells(tmp_path):
    source = read_csv(write(tmp_path, 'a,b\n1.5,"x, ""y"""\n2.5,"two\nlines"\n0.5,"NA"\n'), OPTIONS, None)
    (column,) = (column for column in source.schema.columns if column.name == "b")
    assert column.categories == ("NA", "two\nlines", 'x, "y"')


@pytest.mark.parametrize(
    ("text", "argument", "got"),
    [
        ("", "x.csv", "an empty file"),
        ("a,b\n", "x.csv", "2 columns and no rows"),
        ("a,b\n1,2\n3,4,5\n", "line 3 of {path}", "3"),
        ('a,b\n"1\n1",2\n3\n', "line 4 of {path}", "1"),
        ("a,b\n1,inf\n2,0.5\n", "column 'b' of x.csv", "infinity in 1 row"),
        ("a,b\n1," + 200_000 * "x" + "\n2,3,4\n", "line 3 of {path}", "3"),
        ("a,b\n1,2\n3", "line 3 of {path}", "1"),
        ("\n\n", "x.csv", "an empty file"),
        ("\ufeff\n", "x.csv", "an empty file"),
        ("a,b\n,\n,\n", "x.csv", "'b' (no value in any row)"),
        ("Sales 2020,,\n,,\na,b,c\nx,y,z\n", "x.csv", "'Sales 2020' alone, which looks like a title"),
        (",,a\n1,2,3\n", "x.csv", "2 columns without a name (number 0, 1, counting from 0)"),
        ("a,a,,\n1,2,3,4\n", "x.csv", "'a' and 2 columns without a name"),
        (2000 * "a" + ",b\n1,2\n", "x.csv", "2,000 characters"),
        ("a,b\n1,1e200\n2,3\n", "column 'b' of x.csv", "1e+200"),
        ("a,b\n1,\0\n2,3\n", "x.csv", "NUL"),
    ],
)
def test_text_that_is_refused(tmp_path, text, argument, got):
    path = write(tmp_path, text)
    error = refused(read_csv, path, OPTIONS, None)
    assert error.argument == argument.format(path=path)
    assert got in error.got
    if argument.startswith("line"):
        assert error.expected.startswith("2 cells")


def numbered(rows, **changed):
    """Lines of a table of a number and a letter; those that are changed by their numbers in the file."""
    lines = ["x,z", *(f"{row / 8},{'abc'[row % 3]}" for row in range(rows))]
    for line, text in changed.items():
        lines[int(line[1:]) - 1] = text
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("lines", "line", "expected"),
    [
        ({"l502": '0.5,"a'}, 502, "quotes that close"),
        ({"l1001": '0.5,"a'}, 1001, "quotes that close"),
        (
            {"l502": '0.5,"a', "l640": '0.5,b"'},
            502,
            "in their own row",
        ),  # well-formed: what it holds tells
        ({"l502": '0.5,"a', "l640": '0.5,"b"'}, 502, "in their own row"),
        ({"l502": '0.5,"a', "l640": '"0.5,b'}, 502, "in their own row"),
        ({"l502": '0.5,"a', "l505": '0.5,b"', "l700": '0.5,"c\nd"'}, 502, "in their own row"),
        ({"l502": '"0.5,a', "l700": '0.5",a'}, 502, "in their own row"),
    ],
)
def test_rows_that_a_stray_quote_swallows_are_not_lost_in_silence(tmp_path, lines, line, expected):
    path = write(tmp_path, numbered(1000, **lines))
    error = refused(read_csv, path, OPTIONS, None)
    assert error.argument == f"line {line} of {path}"
    assert expected in error.expected


def test_text_of_several_lines_is_read_with_a_note(tmp_path):
    rows = [f'{row},"12, High Street\nBath, UK",{row % 2}' for row in range(50)]
    options = DataOptions(columns=(("address", "categorical"),))
    source = read_csv(write(tmp_path, "\n".join(["id,address,bit", *rows])), options, None)
    assert len(source) == 50
    assert source.schema.columns[0].categories == ("12, High Street\nBath, UK",)
    assert source.notes[0] == "Line ends in 50 cells, first in line 2: read as text of several lines."


def test_text_after_a_closing_quote_is_noted(tmp_path):
    source = read_csv(write(tmp_path, 'a,b\n1.5,5" pipe\n2.5,"5" pipe"\n'), OPTIONS, None)
    assert source.schema.columns[1].categories == ('5 pipe"', '5" pipe')
    assert "of 1 cell, first in line 3" in source.notes[0]


def test_blank_lines_of_one_column_are_noted(tmp_path):
    for text in ("\na\n0.5\n\n1\r\n\r\n7\n\n", '\ufeff\na\n1\n\n5\n\n"7"8\n'):
        assert "Left out: 2 blank lines." in read_csv(write(tmp_path, text), OPTIONS, None).notes


def test_a_blank_line_before_the_header_hides_nothing(tmp_path):
    source = read_csv(write(tmp_path, "\n\na;b\n1;2\n3;5\n"), OPTIONS, None)
    assert [column.name for column in source.dataset.schema.columns] == ["a", "b"]
    (note,) = read_csv(write(tmp_path, "a,b\n\n0.5,-1.5\n\n"), OPTIONS, None).notes
    assert note.startswith("Samples keep the ranges of numbers")


def test_decimal_commas_and_dates_are_read(tmp_path):
    rows = "\n".join(f"{row * row},5;{1 + row % 28:02}.01.2019;{row % 3}" for row in range(60))
    source = read_csv(write(tmp_path, "a;b;c\n" + rows), OPTIONS, None)
    assert [column.format for column in source.schema.columns] == ["decimal-comma", "%d.%m.%Y", ""]
    assert source.x.all()[:2].tolist() == [[0.5, 17_897, 0], [1.5, 17_898, 1]]
    again = read_csv(write(tmp_path, "b;a;c\n15.02.2019;1,25;\n", "y.csv"), OPTIONS, source.schema)
    assert again.x.all().tolist() == [[1.25, 17_942, 0]]
    assert again.dataset.mask.all().tolist() == [[True, True, False]]


@pytest.mark.parametrize("header", ["a" + MOST_COLUMNS * ",", ",".join(f"c{i}" for i in range(MOST_COLUMNS + 1))])
def test_too_many_columns_are_refused_before_the_file_is_parsed(tmp_path, header, monkeypatch):
    monkeypatch.setattr("variate.data.readers.csv_files.parsed_rows", None)
    error = refused(read_csv, write(tmp_path, header + "\n1"), OPTIONS, None)
    assert (error.argument, error.got) == ("x.csv", f"{MOST_COLUMNS + 1:,}")


def test_more_than_the_machine_holds_is_refused_before_the_file_is_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr("variate.data.readers.csv_files.parsed_rows", None)
    path = write(tmp_path, "a,b\n" + 1000 * "1,2\n")
    for limit in (10, 50_000):
        monkeypatch.setattr(memory, "physical", lambda limit=limit: limit)
        assert refused(read_csv, path, OPTIONS, None).argument == "x.csv"


PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=100)
CELLS = st.one_of(
    st.sampled_from(
        ["a", "b", "7", "0.5", "NA", "", "a,b", 'say "hi"', "two\nlines", '5" pipe', "\r\n", '"', "\0", " a "]
    ),
    st.text(st.characters(codec="utf-8"), max_size=8),
)


@PROPERTY
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
    ),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";"]),
)
def test_what_is_written_is_read_cell_for_cell_or_refused(tmp_path_factory, rows, quoting, end, delimiter):
    names = [f"c{place}" for place in range(len(rows[0]))]
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([names, *rows])
    columns = [
        Column(name, "categorical", tuple(sorted(set(own))))
        for name, own in zip(names, zip(*rows, strict=True), strict=True)
    ]
    schema = Schema("table", (len(names),), columns=tuple(columns))
    path = write(tmp_path_factory.mktemp("csv"), stream.getvalue())
    try:
        source = read_csv(path, OPTIONS, schema)
        if any("has never seen" in note or "Missing cells" in note for note in source.notes):
            raise InputError("the cells", "those that were written", "others, which are told")
    except InputError:
        cells = [cell for row in rows for cell in row]
        plain = quoting == csv.QUOTE_ALL and not any("\n" in cell or "\r" in cell or "\0" in cell for cell in cells)
        assert not plain
        return
    found = [[c.categories[int(code)] for c, code in zip(columns, row, strict=True)] for row in source.x.all()]
    assert found == rows


def test_mutated_files_are_read_or_refused_and_lose_no_row_in_silence(tmp_path):
    draw = random.Random(0)
    whole = numbered(40, l7='0.5,"a"', l9='"0.25",b').encode()
    read = 0
    for _ in range(250):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(data))
            size = draw.choice([0, 1, 1, 2, 30])
            data[place : place + size] = draw.choice(
                [b"", b'"', b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b'""', b"1e999"]
            )
        path = write(tmp_path, bytes(data))
        try:
            source = read_csv(path, OPTIONS, None)
        except InputError:
            continue
        read += 1
        lines = len(bytes(data).replace(b"\r", b"\n").split()) - 1
        assert len(source) == lines or any("Line ends" in note for note in source.notes)
    assert 30 < read < 200


def test_what_is_no_table_is_refused_before_the_file_is_read(tmp_path):
    assert refused(read_csv, tmp_path / "absent.csv", DataOptions(kind="real"), None).argument == "kind"
