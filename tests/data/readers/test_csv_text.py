import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

from refusals import refused
from variate.data.readers import csv_text
from variate.data.readers.csv_text import CsvText
from variate.errors import InputError

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=150)
TEXTS = st.text(st.sampled_from('a1, "\n\r'), max_size=40).map(str.encode)


def text(data, delimiter=","):
    return CsvText(data if isinstance(data, bytes) else data.encode(), delimiter, "x.csv")


def cells_of(data):
    """The cells of every row, one character after the other; None for a quote that never closes."""
    rows, row, cell, state, place = [], [], "", "start", 0
    letters = data.decode()
    while place < len(letters):
        letter = letters[place]
        place += 1
        if state == "quoted":
            if letter != '"':
                cell += letter
            elif letters[place : place + 1] == '"':
                cell, place = cell + '"', place + 1
            else:
                state = "text"
        elif letter in "\r\n" and state == "start" and not row:
            pass
        elif letter in ",\r\n":
            row, cell, state = [*row, cell], "", "start"
            if letter != ",":
                rows, row = [*rows, row], []
        elif letter == '"' and state == "start":
            state = "quoted"
        else:
            cell, state = cell + letter, "text"
    if state == "quoted":
        return None
    return [*rows, [*row, cell]] if row or state == "text" else rows


def content(cell):
    return ((cell[1] or b"").replace(b'""', b'"') + cell[3]).decode()


@PROPERTY
@given(TEXTS)
def test_cells_are_those_of_a_parser_that_reads_one_character_after_the_other(data):
    found, position = [], text(data).start
    while position < len(data):
        row = list(text(data).row(position))
        if not all(cell[2] or cell[2] is None for cell in row):
            found = None
            break
        found.append([content(cell) for cell in row])
        position = csv_text.LINE_ENDS.match(data, row[-1].end()).end()
    assert found == cells_of(data)


@PROPERTY
@given(TEXTS)
def test_cells_are_those_of_pyarrow(data):
    expected = cells_of(data)
    options = arrow_csv.ParseOptions(newlines_in_values=True)
    if expected is None or len({len(row) for row in expected}) != 1:
        return
    names = [f"c{place}" for place in range(len(expected[0]))]
    table = arrow_csv.read_csv(
        pa.BufferReader(data),
        read_options=arrow_csv.ReadOptions(column_names=names),
        parse_options=options,
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    assert [list(row.values()) for row in table.to_pylist()] == expected


@pytest.mark.parametrize("piece", [3, 2**18])
@PROPERTY
@given(data=TEXTS)
def test_a_survey_counts_lines_and_finds_quotes_between_letters(piece, data):
    old, csv_text.PIECE = csv_text.PIECE, piece
    try:
        found = text(data).survey
    finally:
        csv_text.PIECE = old
    lines = list(re.finditer(rb"[^\r\n]+", data))
    assert found.lines == len(lines)
    assert found.last == (lines[-1].start() if lines else len(data))
    assert found.has_inner_quotes == (re.search(rb'(?<=[^,\r\n"])"(?=[^,\r\n"])', data) is not None)


@PROPERTY
@given(TEXTS)
def test_odd_cells_are_all_that_hold_line_ends_or_are_followed(data):
    expected = cells_of(data)
    if not expected:
        return
    width = len(expected[0])
    try:
        found = list(text(data).odd_cells(width))
    except InputError:
        assert any(len(row) != width for row in expected)
        return
    assert all(len(row) == width for row in expected)
    cells = [cell for row in expected for cell in row]
    assert sum(cell.is_multiline for cell in found) == sum(re.search(r"[\r\n]", cell) is not None for cell in cells)


def test_lines_are_counted_whatever_ends_them():
    data = b"a\nb\r\nc\rd"
    assert [text(data).line_at(data.index(letter)) for letter in b"abcd"] == [1, 2, 3, 4]


def test_where_odd_cells_are():
    data = 'a,b\n1,"x\ny"\n\n"5" pipe",2\n3,5" pipe\n"""q""" ,2\n'
    found = list(text(data).odd_cells(2))
    assert [
        (cell.column, 1 + data[: cell.start].count("\n"), cell.is_multiline, cell.is_followed) for cell in found
    ] == [
        (1, 2, True, False),
        (0, 5, False, True),
    ]


@pytest.mark.parametrize(
    ("data", "line", "expected", "got"),
    [
        ('a,b\n1,2\n3,"4\n5,6\n', 3, "quotes that close", "never closes"),
        ('a,b\n1,2\n3,4\n5,"', 4, "quotes that close", "never closes"),
        ('a,"b\n1,2\n', 1, "quotes that close", "never closes"),
        ('a,b\n"x\n\ny","z\n', 4, "quotes that close", "never closes"),
        ('a,b\n1,2\n3,"4""\n5,6\n', 3, "quotes that close", "never closes"),
        ("a,b\n1,2\n3,4,5\n", 3, "2 cells", "3"),
        ("a,b\n1,2\n3", 3, "2 cells", "1"),
        ("a,b\n" + 10**5 * ",", 2, "2 cells", "1,002 or more"),
        ('a,b\n1,"2\n3,4\n5",6\n', 2, "2 cells", "3 in a row that goes on to line 4, since a quote opens there"),
        ('a,b\n1,"2\n3,4\n5,"6,7"\n', 2, "2 cells", "3 in a row that goes on to line 4"),
    ],
)
def test_text_without_a_meaning(data, line, expected, got):
    error = refused(list, text(data).odd_cells(2))
    assert error.argument == f"line {line} of x.csv"
    assert error.expected.startswith(expected)
    assert got in error.got


def test_a_quote_after_a_blank_is_no_quote():
    assert "blanks before its quotes" in refused(list, text('a,b\n1, "2,3"\n').odd_cells(2)).remedy
    assert "blanks" not in refused(list, text("a,b\n1, 2,3\n").odd_cells(2)).remedy


def swallowed(data, numbers):
    """Whether the first cell that holds line ends is taken for rows; columns of numbers by their places."""
    found = text(data)
    width = found.line_width(found.start)
    cell = next(cell for cell in found.odd_cells(width) if cell.is_multiline)
    return found.holds_rows(cell, width, lambda place: place in numbers)


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        ('x,y\n1,"2\n3,4"\n', {0, 1}),  # numbers wherever numbers should be
        ('x,y\n"1,2\n3",4\n', {0, 1}),
        ('x,z\n1,"a\n2,b\n3,c"\n', {0}),
        ('x,z,y\n1,"a,2\n3,b",4\n', {0, 2}),
        ('a,b,c,d\np,"q,r,s\np,q,r,s\np,q",r,s\n', set()),  # 6 delimiters are too few,
        ('a,b,c,d\np,"q,r,s\np,q,r,s\np,q,r,s\np,q",r,s\n', set()),  # but 9 are enough
        ('a,b\nx,"y\nu,"v\n', set()),  # ends at the quote of another cell
        ('a,b\nx,"y\nu,v\ns,"t, t"\n', set()),
        ('a\n"1\n2\n3"\n', {0}),
        ('x,z,y\n3,"x,4\n5,y,NA\n6,w,8\n6,z",7\n', {0, 2}),  # a missing cell is none that is no number
        ('x,z,y\n3,"x,4\n\n5,y,9\n6,z",7\n', {0, 2}),
    ],
)
def test_rows_that_a_stray_quote_swallowed(data, numbers):
    if data.startswith("a,b,c,d") and data.count("\n") == 4:
        assert not swallowed(data, numbers)
    else:
        assert swallowed(data, numbers)


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        ('id,address\n7,"12, High Street\nBath, UK"\n', {0}),
        ('id,address\n7,"M. Dupont\n10, rue de la Paix"\n', {0}),
        ('id,address,n\n7,"12 High Street, Bath\nSomerset, UK",3\n', {0, 2}),
        ('name,address\nA,"High Street\nBath, UK"\n', set()),
        ('id,text\n7,"Dear all,\n\nhello, world,\nbye"\n', {0}),
        ('id,text\n7,"Hello\nworld, again\nand, again\nso, long\nand, thanks"\n', {0}),
        ('x,y\n1,"2\n3"\n', {0, 1}),
        ('x,y,z\n1,"a\nb" ,3\n', {0, 2}),
    ],
)
def test_text_of_several_lines(data, numbers):
    assert not swallowed(data, numbers)


def test_the_error_names_both_ends_of_the_quote():
    found = text('x,y\n0,0\n1,"2\n3,4\n5,6"\n')
    (cell,) = found.odd_cells(2)
    error = found.swallowed(cell)
    assert (error.argument, "closes in line 5" in error.got) == ("line 3 of x.csv", True)


def test_many_rows_are_passed_over():
    rows = b"1.5,abc,2\n" * 200_000 + b'"1","2","3"\n' * 1000
    found = text(b"a,b,c\n" + rows + b'1,"x\ny",2\n')
    (cell,) = found.odd_cells(3)
    assert found.line_at(cell.start) == 201_002


@pytest.mark.parametrize(
    ("data", "argument"),
    [
        ("a,b\n1," + 70 * "x" + "\n", "line 2 of x.csv"),
        ("a,b\n1," + 70 * "x", "line 2 of x.csv"),
        ('a,b\n1,"' + 20 * "1,23\n" + '"\n1,2\n', "line 2 of x.csv"),
        ('a,b\n1,"x",2\n' + 20 * "1,23\n", None),
        ('a,b\n1,"x,"\n' + 20 * "1,23\n", None),
        ('"a,b"\n' + 20 * "1\n" + '"' + 20 * "1,23\n", "line 22 of x.csv"),
        ("a,b\n1,2" + 90 * "\n", None),
    ],
)
def test_long_lines_and_cells_are_refused(data, argument, monkeypatch):
    monkeypatch.setattr(csv_text, "LONGEST_CELL", 64)
    monkeypatch.setattr(csv_text, "PIECE", 7)
    found = text(data)
    width = len(list(found.row(0)))
    if argument is None:
        found.refuse_long(width)
    else:
        assert refused(found.refuse_long, width).argument == argument
