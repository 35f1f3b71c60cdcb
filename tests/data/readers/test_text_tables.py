"""Tables of text as people have them, from the bytes of a file to the columns: `read_text` of `csv_files`."""

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data import read
from variate.data.readers.csv_files import read_text
from variate.data.readers.csv_text import MISSING
from variate.errors import Option

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=150)
PEOPLE = "age,sex,wing\n22.5,m,x\n38.25,f,y\n26,f,x\n35.1,m,x\n"
COLUMNS = {"age": [22.5, 38.25, 26, 35.1], "sex": ["m", "f", "f", "m"], "wing": ["x", "y", "x", "x"]}


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def zipped(data: bytes, name: str = "folder/x.csv") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return made.getvalue()


PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


def table(tmp_path, data, name="x.csv", schema=None, **options):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_text(path, DataOptions(**options), schema)


def options_of(notes):
    """The options that notes name."""
    return [part.name for note in notes for part in getattr(note, "parts", ()) if isinstance(part, Option)]


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".data", ".dat", ".txt"])
@pytest.mark.parametrize("packing", ["", *PACKED])
def test_endings_and_compressions(tmp_path, suffix, packing):
    found = table(tmp_path, PACKED.get(packing, bytes)(PEOPLE.encode()), f"x{suffix}{packing}")
    assert found.table.to_pydict() == COLUMNS
    assert options_of(found.notes) == ([] if suffix.lower() == ".csv" else ["delimiter"])


@pytest.mark.parametrize(("suffix", "delimiter"), [(".tsv", "\t"), (".tab", "\t"), (".psv", "|")])
def test_delimiters_of_endings_need_no_note(tmp_path, suffix, delimiter):
    assert table(tmp_path, PEOPLE.replace(",", delimiter), f"x{suffix}")[:2] == (pa.table(COLUMNS), [])
    assert options_of(table(tmp_path, PEOPLE, f"x{suffix}").notes) == ["delimiter"]


def test_the_only_table_of_an_archive(tmp_path):
    assert table(tmp_path, zipped(PEOPLE.encode()), "x.zip")[:2] == (pa.table(COLUMNS), [])
    assert read(tmp_path / "x.zip").schema.kind == "table"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_delimiters_and_encodings(tmp_path, delimiter, encoding):
    text = PEOPLE.replace("wing", "größe").replace(",", delimiter)
    found = table(tmp_path, text.encode(encoding))
    assert list(found.table.to_pydict().values()) == list(COLUMNS.values())
    assert found.table.column_names[2] == "größe"
    assert any("not UTF-8" in note for note in found.notes) == (not encoding.startswith("utf-8"))
    assert ("delimiter" in options_of(found.notes)) == (delimiter != ",")


def test_the_note_on_an_encoding_shows_a_word(tmp_path):
    (note,) = table(tmp_path, PEOPLE.replace("m", "é").encode("cp1252")).notes
    assert "cp1252" in note
    assert "'é'" in note
    assert options_of([note]) == ["encoding"]
    assert table(tmp_path, PEOPLE.replace("m", "é").encode("cp1252"), encoding="cp1252").notes == []


def test_an_encoding_that_is_asked_for(tmp_path):
    found = table(tmp_path, PEOPLE.replace("x", "ø").encode("cp865"), encoding="cp865")
    assert found.table["wing"].to_pylist() == ["ø", "y", "ø", "ø"]
    error = refused(table, tmp_path, PEOPLE.replace("x", "ø").encode("cp865"), encoding="utf-8")
    assert "utf-8" in error.expected
    for unknown in ("nonsense", "rot13", "a\0b", ""):
        assert refused(table, tmp_path, PEOPLE, encoding=unknown).argument == "encoding"


def test_comments_and_the_line_that_names_the_delimiter(tmp_path):
    text = "\ufeffsep=;\r\n# made by hand, in 2020\r\n#\r\n\r\na;b\r\n1,5;2\r\n3;4;5\r\n"
    error = refused(table, tmp_path, text)
    assert error.argument == f"line 7 of {tmp_path / 'x.csv'}"
    assert error.expected == "2 cells, as in line 5"
    found = table(tmp_path, text.replace(";5", ""))
    assert found.table.to_pydict() == {"a": ["1,5", "3"], "b": [2, 4]}
    assert ["names the delimiter" in found.notes[0], "2 lines that begin with #" in found.notes[1]] == [True, True]


@pytest.mark.parametrize(
    ("text", "names", "rows"),
    [
        ("# x y z\n1 2 3\n4 5 6\n", ["x", "y", "z"], 2),
        ("#Name,Type\n1,2\n4,5\n", ["#Name", "Type"], 2),
        ("#,Name\n1,a\n2,b\n", ["#", "Name"], 2),
        ("# made in 2020, by hand\na,b\n1,2\n", ["a", "b"], 1),
        ("#1,2\n3,4\n", ["column_1", "column_2"], 1),
        ("#ff0000,12.5\n#00ff00,7\n", ["column_1", "column_2"], 2),
    ],
)
def test_names_in_a_comment(tmp_path, text, names, rows):
    found = table(tmp_path, text).table
    assert (found.column_names, found.num_rows) == (names, rows)


def test_aligned_columns(tmp_path):
    found = table(tmp_path, "  1.5   2  a\n 10.25\t3  b\n", "x.data")
    assert found.table.to_pydict() == {"column_1": [1.5, 10.25], "column_2": [2, 3], "column_3": ["a", "b"]}
    assert options_of(found.notes) == ["delimiter", "header"]


def test_blanks_around_cells(tmp_path):
    found = table(tmp_path, 'a , b,c\n1, x ,"d "\n2, y, e\n3, NA,f\n')
    assert found.table.to_pydict() == {"a": [1, 2, 3], "b": ["x", "y", None], "c": ["d ", "e", "f"]}
    assert ["Blanks around cells" in note for note in found.notes] == [True, False]
    assert "'NA' (1)" in found.notes[1]


def test_single_quotes(tmp_path):
    found = table(tmp_path, "a,b\n'10-19',1\n'20-29, or so',2\n?,3\n'it''s',4\n")
    assert found.table.to_pydict() == {"a": ["10-19", "20-29, or so", "?", "it's"], "b": [1, 2, 3, 4]}
    assert ["Single quotes" in note for note in found.notes] == [True, False]
    assert "'?' (1)" in found.notes[1]
    kept = table(tmp_path, "a,b\n'tis,1\nrock 'n' roll,2\nx,3\n")
    assert kept.table["a"].to_pylist() == ["'tis", "rock 'n' roll", "x"]
    assert kept.notes == []


def test_a_missing_header_is_told_and_can_be_decided(tmp_path):
    text = "M,1.5\nF,2.5\nM,3.5\n"
    found = table(tmp_path, text)
    assert found.table.column_names == ["column_1", "column_2"]
    assert found.table.num_rows == 3
    assert [part for part in found.notes[0].parts if isinstance(part, Option)] == [Option("header", True)]
    asked = table(tmp_path, text, header=True)
    assert (asked.table.column_names, asked.table.num_rows, asked.notes) == (["M", "1.5"], 2, [])
    plain = table(tmp_path, PEOPLE, header=False)
    assert (plain.table.num_rows, plain.notes) == (5, [])
    unsure = table(tmp_path, "a,b\nc,d\ne,f\n")
    assert (unsure.table.num_rows, options_of(unsure.notes)) == (2, ["header"])


@pytest.mark.parametrize("text", ["", " ", " \n\n", "\ufeff \r\n", "sep=;\n", "sep=;\n \n"])
def test_files_without_a_row(tmp_path, text):
    assert refused(table, tmp_path, text).got == "an empty file"


@pytest.mark.parametrize("before", ["  \n", "#\n", "# \n", "#\n \n\n", " \n#x\n", "# a b c\n\n"])
def test_what_stands_above_the_names(tmp_path, before):
    error = refused(table, tmp_path, before + "a,b\n1,2\n3\n")
    assert f"line {before.count(chr(10)) + 3} of" in error.argument
    found = table(tmp_path, before + "a,b\n1,2\n3,4\n").table
    assert found.to_pydict() == {"a": [1, 3], "b": [2, 4]}


def test_names_that_the_user_gives_tell_the_header(tmp_path):
    text = "a,b\nc,d\ne,f\n"
    for options in ({"drop": ("a",)}, {"columns": (("b", "categorical"),)}):
        assert table(tmp_path, text, **options).notes == []
    assert options_of(table(tmp_path, text, drop=("x",)).notes) == ["header"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('"x" "y"\n"1" 0.5 "a b"\n"2" 1.5 "c"\n', {"": [1, 2], "x": [0.5, 1.5], "y": ["a b", "c"]}),
        ("x,y\n\n1,0.5,3\n2,1.5,4\n", {"": [1, 2], "x": [0.5, 1.5], "y": [3, 4]}),
        ("x,y\n1,0.5,\n1,1.5,\n", {"x": [1, 1], "y": [0.5, 1.5]}),
    ],
)
def test_names_of_which_one_is_missing(tmp_path, text, columns):
    found = table(tmp_path, text)
    assert found.table.to_pydict() == columns
    assert any("one cell less" in note for note in found.notes)


def test_a_row_that_lacks_a_cell_below_names_that_do(tmp_path):
    text = "x y\n" + "".join(f"{row} 1.5 2.5\n" for row in range(9_000)) + "7 8\n"
    error = refused(table, tmp_path, text)
    assert (error.argument, error.got) == (f"line 9002 of {tmp_path / 'x.csv'}", "2")


def test_a_model_knows_its_columns(tmp_path):
    own = Schema("table", (2,), columns=(Column("M", "real"), Column("1", "real")))
    found = table(tmp_path, "1,M\n2,3\n4,5\n", schema=own, header=False)
    assert found.table.to_pydict() == {"1": [2, 4], "M": [3, 5]}
    made = Schema("table", (2,), columns=(Column("column_1", "categorical", ("a", "b")), Column("column_2", "real")))
    assert table(tmp_path, "a,2\n", schema=made).table.to_pydict() == {"column_1": ["a"], "column_2": [2]}


def test_columns_without_a_name_and_a_value_are_left_out(tmp_path):
    found = table(tmp_path, "a,b,,\n1,2,,\n3,4,,NA\n")
    assert found.table.to_pydict() == {"a": [1, 3], "b": [2, 4]}
    left_out = "Left out: 2 columns without a name and without a value."
    assert found.notes == ["Besides empty cells, these count as missing: 'NA' (1).", left_out]
    assert table(tmp_path, "1,2,\n3,4,\n").table.column_names == ["column_1", "column_2"]
    assert table(tmp_path, ",a\n0,0.5\n1,0.25\n").table.to_pydict() == {"": [0, 1], "a": [0.5, 0.25]}
    assert table(tmp_path, "a,b\n1,\n2,\n").table.column_names == ["a", "b"]


def test_leading_zeros_are_kept(tmp_path):
    text = "zip,n,hex,temperature,account\n02134,1,0,-05,00012345678901234567\n10001,2,7,012,12345678901234567890\n"
    found = table(tmp_path, text)
    assert found.table["zip"].to_pylist() == ["02134", "10001"]
    assert found.table["account"].to_pylist() == ["00012345678901234567", "12345678901234567890"]
    assert [found.table[name].to_pylist() for name in ("n", "hex", "temperature")] == [[1, 2], [0, 7], [-5, 12]]
    (note,) = found.notes
    assert "'zip', 'account'" in note
    assert "02134" in note
    assert options_of([note]) == ["columns"]
    counted = table(tmp_path, text, columns=(("zip", "counts"),))
    assert counted.table["zip"].to_pylist() == [2134, 10001]
    assert table(tmp_path, text, columns=(("zip", "categorical"),)).table["zip"].to_pylist() == ["02134", "10001"]


def test_a_model_of_numbers_reads_numbers(tmp_path):
    own = Schema("table", (1,), columns=(Column("zip", "counts"),))
    assert table(tmp_path, "zip,b\n02134,1\n", schema=own).table["zip"].to_pylist() == [2134]


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"%PDF-1.7 \xff\xfe", "a PDF file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a picture (PNG)"),
        (b"PK\x03\x04 and so on", "Excel"),
        (b"\x7fELF\x02\x01\0", "a program"),
        (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", "NUL"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "a gzipped file"),
        (b"<!DOCTYPE html><html>404</html>", "a web page"),
        (b'{"a": [1, 2], "b": [3, 4]}', "JSON"),
        (b'\n[{"a": 1, "b": 2},\n{"a": 3, "b": 4}]', "JSON"),
        (b'{"a": 1}\n{"a": 2}\n', "JSON"),
        (b"[[1, 2], [3, 4]]", "JSON"),
        (b"a,b\n1,\0\n", "NUL"),
        ("a,b\n1,\0\n".encode("utf-16"), "NUL"),
        (b"\xff\xfea\0,\0b", "utf-16"),
    ],
)
@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_what_is_no_text_is_called_by_its_name(tmp_path, data, got, packing):
    error = refused(table, tmp_path, PACKED.get(packing, bytes)(data), f"x.csv{packing}")
    assert error.argument == f"x.csv{packing}"
    assert got in f"{error.expected} {error.got}"


CELLS = st.one_of(
    st.sampled_from(
        ["a", "b", "7", "0.5", "x,y", 'say "hi"', "1,5", "a;b", "a|b", "it's", " c ", "#", "two words", "Ö"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=8),
)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]


QUOTED = re.compile(r'["\r\n]')
"""What Python's module puts a cell into quotes for, besides the delimiter."""
NOTHING = {word.decode() for word in MISSING}


def cells_of(found):
    return [list(row) for row in zip(*found.table.to_pydict().values(), strict=True)]


@PROPERTY
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
    encoding=st.sampled_from(ENCODINGS),
    packing=st.sampled_from(["", *PACKED]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    asked=st.booleans(),
    suffix=st.sampled_from([".csv", ".tsv", ".txt"]),
)
def test_what_is_written_in_quotes_is_read_cell_for_cell(
    tmp_path_factory, rows, delimiter, encoding, packing, end, asked, suffix
):
    rows = [row[: min(map(len, rows))] for row in rows]
    names = [f"c{place}" for place in range(len(rows[0]))]
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=end).writerows([names, *rows])
    columns = tuple(Column(name, "categorical", ("not a number",)) for name in names)
    schema, folder = Schema("table", (len(names),), columns=columns), tmp_path_factory.mktemp("csv")
    data = PACKED.get(packing, bytes)(stream.getvalue().encode(encoding))
    found = table(folder, data, f"x{suffix}{packing}", schema, **({"delimiter": delimiter} if asked else {}))
    assert cells_of(found) == rows


@PROPERTY
@given(
    rows=st.lists(st.lists(CELLS.filter(lambda cell: "'" not in cell), min_size=2, max_size=4), min_size=1, max_size=5),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    packing=st.sampled_from(["", ".gz"]),
)
def test_what_is_written_with_few_quotes_is_read_but_for_blanks(tmp_path_factory, rows, delimiter, packing):
    rows = [row[: min(map(len, rows))] for row in rows]
    names = [f"c{place}" for place in range(len(rows[0]))]
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerows([names, *rows])
    columns = tuple(Column(name, "categorical", ("not a number",)) for name in names)
    schema, folder = Schema("table", (len(names),), columns=columns), tmp_path_factory.mktemp("csv")
    found = table(folder, PACKED.get(packing, bytes)(stream.getvalue().encode()), f"x.csv{packing}", schema)
    plain = [[cell if QUOTED.search(cell) or delimiter in cell else cell.strip(" \t") for cell in row] for row in rows]
    assert cells_of(found) == [[None if cell in NOTHING else cell for cell in row] for row in plain]
