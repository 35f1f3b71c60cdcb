"""Cells where they stand in the text of a file: what is not replaced is copied byte for byte."""

import gzip

import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data.readers.csv_cells import CsvCells
from variate.data.readers.csv_files import read_text

TEXTS = {
    "plain": "a,b,c\n1,x,2.5\n,y,\n3,,4\n",
    "no header": "1,x,2.5\n,y,\n3,,4\n5,x,6\n",
    "no line end at the end": "a,b,c\n1,x,2.5\n,y,\n3,,4",
    "CRLF": "a,b,c\r\n1,x,2.5\r\n,y,\r\n3,,4\r\n",
    "CR": "a,b,c\r1,x,2.5\r,y,\r3,,4\r",
    "blank lines": "\n\na,b,c\n\n1,x,2.5\n  \n,y,\n3,,4\n\n\n",
    "blanks around cells": "a , b,c\n1,  x , 2.5\n ,y,   \n 3 ,, 4 \n",
    "quotes": 'a,b,c\n1,"x, and y",2.5\n,"a ""y""",\n3,"",4\n',
    "blanks before quotes": 'a, b, c\n1, "x, and y", 2.5\n, "y" ,\n3,, 4\n',
    "lines in a cell": 'a,b,c\n1,"x\ny",2.5\n,"long\r\n text, of two lines",\n3,,4\n',
    "single quotes": "'p','x','q'\n'p','x','r'\n'p','y','q'\n'p','y','q'\n",
    "semicolons": "a;b;c\n1,5;x;2,5\n;y;\n3,0;;4,0\n",
    "tabs": "a\tb\tc\n1\t x\t2.5\n\ty\t\n3\t\t4\n",
    "bars": "a|b|c\n1|x|2.5\n|y|\n3||4\n",
    "aligned": "  1.0   2.5  3\n 10.0   NA   4\n  7.5   1.5  5\n",
    "a comment": "# from a device\n# a b c\n1 2 3\n4 NA 6\n7 8 9\n",
    "sep": "sep=;\na;b;c\n1;x;2.5\n;y;\n3;;4\n",
    "row names": "a,b\nr1,1,x\nr2,,y\nr3,3,\n",
    "a last delimiter": "a,b\n1,x,\n2,,\n3,y,\n",
    "one column": "a\n1\nNA\n3\n",
    "no ASCII": "größe,b,c\n1,ä,2.5\n,ö,\n3,,4\n",
    "signs of patterns": "a^b^c\n1^x.*^2\n^(y^\n3^^4\n",
}


def cells_of(tmp_path, text, name="x.csv", encoding="utf-8", options=None):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return read_text(path, options or DataOptions(), None)


def options_for(name):
    return DataOptions(delimiter="^") if name == "signs of patterns" else DataOptions()


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_every_form_are_copied_as_they_are_and_their_cells_found(tmp_path, name):
    read = cells_of(tmp_path, TEXTS[name], options=options_for(name))
    cells, rows = read.cells, read.table.num_rows
    copied = cells.beginning() + b"".join(cells.replaced({}, rows, "", lambda _: ""))
    assert copied.decode() == TEXTS[name]
    found = cells.texts({row: list(cells.places) for row in range(rows)})
    assert len(found) == rows * len(cells.places)
    for (row, column), text in found.items():
        value = read.table[column][row].as_py()
        plain = text[1:-1].replace(2 * cells.quote, cells.quote) if text.startswith(cells.quote) else text
        if value is None:
            assert plain in ("", "NA")
        elif isinstance(value, str):
            assert plain == value
        else:
            assert float(plain.replace(",", ".")) == value


@pytest.mark.parametrize("name", TEXTS)
def test_each_cell_is_replaced_and_no_other(tmp_path, name):
    read = cells_of(tmp_path, TEXTS[name], options=options_for(name))
    cells, rows = read.cells, read.table.num_rows
    before = cells.texts({row: list(cells.places) for row in range(rows)})
    for row, column in before:
        made = cells.beginning() + b"".join(cells.replaced({row: {column: "77"}}, rows, "", lambda _: ""))
        new = CsvCells(made, *_but_data(cells))
        after = new.texts({number: list(cells.places) for number in range(rows)})
        assert after == before | {(row, column): "77"}


def _but_data(cells):
    names = ("first", "has_header", "delimiter", "quote", "name", "encoding", "places")
    return [getattr(cells, name) for name in names]


def test_columns_are_added_before_and_after_the_others(tmp_path):
    read = cells_of(tmp_path, TEXTS["CRLF"])
    made = read.cells.beginning("n,", ",s") + b"".join(read.cells.replaced({}, 3, "1,", lambda row: f",{row}"))
    assert made.decode() == "n,a,b,c,s\r\n1,1,x,2.5,0\r\n1,,y,,1\r\n1,3,,4,2\r\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"])
def test_the_encoding_of_the_file_is_known(tmp_path, encoding):
    text = "Größe,b\n1,Änderung\n2,süß\n3,\n"
    read = cells_of(tmp_path, text, encoding=encoding)
    own, raw = read.cells.encoding, (tmp_path / "x.csv").read_bytes()
    copied = read.cells.beginning() + b"".join(read.cells.replaced({}, 3, "", lambda _: ""))
    assert own.mark + copied.decode().encode(own.name) == raw


def test_a_compressed_text_is_copied_as_what_it_holds(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(TEXTS["quotes"].encode()))
    read = read_text(path, DataOptions(), None)
    assert read.cells.data.decode() == TEXTS["quotes"]


def test_columns_without_a_name_and_a_value_shift_no_place(tmp_path):
    read = cells_of(tmp_path, "a,,b\n1,,x\n2,,y\n,,x\n")
    assert read.table.column_names == ["a", "b"]
    assert read.cells.texts({1: ["a", "b"]}) == {(1, "a"): "2", (1, "b"): "y"}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("x", "x"),
        ("x,y", '"x,y"'),
        ('a "b"', '"a ""b"""'),
        (" x", '" x"'),
        ("NA", '"NA"'),
        ("", '""'),
        ("a\nb", '"a\nb"'),
    ],
)
def test_texts_that_would_be_read_as_something_else_are_quoted(tmp_path, text, cell):
    cells = cells_of(tmp_path, TEXTS["plain"]).cells
    assert cells.written(text) == cell
    made = f"a,b,c\n1,{cell},2\n3,z,4\n5,z,4\n"
    assert cells_of(tmp_path, made).table["b"][0].as_py() == text


def test_another_number_of_rows_than_were_read_is_refused(tmp_path):
    cells = cells_of(tmp_path, TEXTS["plain"]).cells
    assert "3 rows" not in refused(lambda: list(cells.replaced({}, 4, "", lambda _: ""))).got
    assert refused(lambda: list(cells.replaced({}, 4, "", lambda _: ""))).argument == "x.csv"


def test_random_tables_are_copied_and_filled_cell_by_cell(tmp_path):
    source = np.random.default_rng(0)
    signs = ["", "1", "-2.5", "x", "two words", '"a,b"', '"say ""hi"""', " 3 ", '"line\nend"', "NA", "ä"]
    for number in range(30):
        width, rows = source.integers(2, 6), source.integers(2, 9)
        lines = [",".join(f"c{i}" for i in range(width))]
        lines += [",".join([str(n), *source.choice(signs, width - 1)]) for n in range(rows)]
        text = "\n".join(lines) + "\n"
        read = cells_of(tmp_path, text, f"{number}.csv")
        cells = read.cells
        assert cells.beginning() + b"".join(cells.replaced({}, int(rows), "", lambda _: "")) == text.encode()
