"""Excel files, written by hand as the XML that they are."""

import datetime
import io
import sys

import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import read
from variate.data.readers import excel
from variate.data.readers.excel import read_sheet
from variate.errors import Option
from workbooks import book, sheet_xml

pytest.importorskip("python_calamine", reason="the extra 'excel' is not installed")

ROWS = [
    ["age", "sex", "zip", "n", "open"],
    [22.5, "m", "02134", 1, True],
    [38.25, "f", "10001", 0, False],
    [26, "f", "02134", 7, True],
]


def test_a_sheet(tmp_path):
    found = read(book(tmp_path / "x.xlsx", {"people": ROWS}))
    assert found.x.all().tolist() == [[22.5, 1, 0, 1, 1], [38.25, 0, 1, 0, 0], [26, 0, 0, 7, 1]]
    assert found.schema.columns[2].categories == ("02134", "10001")


def test_sheets_are_named(tmp_path):
    path = book(tmp_path / "x.xlsx", {"people": ROWS, "other, one": [["a"], [1.5], [2.5]]})
    assert any("'people'" in note and "'other, one'" in note for note in read(path).notes)
    found = read(f"{path}:other, one")
    assert found.x.all().tolist() == [[1.5], [2.5]]
    assert not any("sheet" in note for note in found.notes)
    error = refused(read, f"{path}:peple")
    assert (error.argument, error.remedy) == ("x.xlsx", "did you mean 'people'?")


def cells(tmp_path, rows, **options):
    return read_sheet(book(tmp_path / "x.xlsx", {"s": rows}), DataOptions(**options), None).table.to_pydict()


def test_formulas_errors_and_empty_cells(tmp_path):
    rows = [["a", "b", "c"], [("f", 2.5), ("e", "#N/A"), "x"], [3, 4, None], [None, None, None], [5, 6, "NA"]]
    assert cells(tmp_path, rows) == {"a": [2.5, 3, 5], "b": [None, 4, 6], "c": ["x", None, None]}


def test_text_that_csv_would_have_to_quote(tmp_path):
    rows = [["a,b", 'c"d'], ['x"y', "p,q\nr"], [" s ", "'t'"]]
    assert cells(tmp_path, rows, header=True) == {"a,b": ['x"y', " s "], 'c"d': ["p,q\nr", "'t'"]}


def test_empty_rows_and_columns_around_the_cells(tmp_path):
    rows = [[], [], [None, "a", "b"], [None, 1.5, 2], [], [None, 2.5, 3]]
    assert cells(tmp_path, rows) == {"a": [1.5, 2.5], "b": [2, 3]}


def test_a_sheet_without_names(tmp_path):
    assert cells(tmp_path, [[1.5, 2], [2.5, 3]]) == {"column_1": [1.5, 2.5], "column_2": [2, 3]}
    assert cells(tmp_path, [["a"], ["b"]], header=False) == {"column_1": ["a", "b"]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (2.5, "2.5"),
        (1e300, "1e+300"),
        (True, "true"),
        (datetime.datetime(2020, 1, 2, 3, 4, 5), "2020-01-02 03:04:05"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (datetime.timedelta(hours=30), "108000.0"),
        ("", ""),
        ("NA", ""),
        ('a"b', '"a""b"'),
        (7, "7"),
    ],
)
def test_values_as_text(value, text):
    assert excel._cell(value) == text


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        f'<row r="1">{16384 * "<c><v>1</v></c>"}</row><row r="1048576"><c><v>1</v></c></row>',
        "<x:row r='1048576'><x:c foo='>' r='XFD1048576'/></x:row>",
    ],
)
def test_cells_far_off_are_refused_before_they_are_laid_out(tmp_path, rows, monkeypatch):
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 2**40)
    error = refused(read, book(tmp_path / "x.xlsx", {"s": rows}))
    assert (error.argument, "a sheet that fits" in error.expected) == ("x.xlsx", True)


@pytest.mark.parametrize("piece", [1, 7, 2**20])
def test_places_of_cells_are_found_wherever_a_piece_ends(piece, monkeypatch):
    monkeypatch.setattr(excel, "PIECE", piece)
    for rows, extent in ((ROWS, (4, 5)), ([[1], [], [None, 2]], (3, 2)), ([], (0, 0))):
        assert excel._extent(io.BufferedReader(io.BytesIO(sheet_xml(rows).encode()))) == extent
    assert excel._extent(io.BufferedReader(io.BytesIO(b"<row><c/><c/></row><row><c/></row>"))) == (2, 2)


@pytest.mark.parametrize("place", ["AAAAAAAA1", "A" + 30 * "9", 30 * "A" + "1", "A1000000000000"])
def test_cells_that_no_grid_holds_end_no_process(tmp_path, place):
    rows = f'<row r="1"><c r="A1"><v>1</v></c><c r="{place}"><v>2</v></c></row>'
    error = refused(read, book(tmp_path / "x.xlsx", {"s": rows}))
    assert (error.argument, "a sheet that fits" in error.expected) == ("x.xlsx", True)


@pytest.mark.parametrize("name", ["x.xlsx", "x.xls"])
@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\x03\x04 and so on", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)]
)
def test_damaged_files(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    error = refused(read, tmp_path / name)
    assert name in error.argument
    assert "Excel" in error.expected


def test_a_panic_of_the_decoder_is_a_damaged_file(tmp_path, monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(_):
        raise PanicException("index out of bounds")

    monkeypatch.setattr("python_calamine.load_workbook", panic)
    error = refused(read, book(tmp_path / "x.xlsx", {"s": ROWS}))
    assert "index out of bounds" in error.got


def test_an_empty_sheet(tmp_path):
    assert refused(read, book(tmp_path / "x.xlsx", {"s": []})).argument == "x.xlsx"


def test_without_calamine_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    assert "pip install 'variate[excel]'" in refused(read, book(tmp_path / "x.xlsx", {"s": ROWS})).remedy


def test_options(tmp_path):
    path = book(tmp_path / "x.xlsx", {"s": ROWS})
    for options in (DataOptions(delimiter=";"), DataOptions(encoding="cp1252")):
        assert refused(read, path, options).argument in ("delimiter", "encoding")
    unsure = read(book(tmp_path / "y.xlsx", {"s": [["a", "b"], *(["c", "d"], ["e", "f"]) * 9]}))
    assert unsure.notes == ()
    assert any(
        Option("header", True) in getattr(note, "parts", ())
        for note in read(book(tmp_path / "z.xlsx", {"s": [[1, 2.5], [3, 4]]})).notes
    )
