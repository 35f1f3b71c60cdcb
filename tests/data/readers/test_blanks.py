import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from variate.data.readers.blanks import tidied
from variate.data.readers.csv_text import CsvText

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=200)


@pytest.mark.parametrize(
    ("text", "delimiter", "expected"),
    [
        ("1, a ,b \n 2,c,\td\n", ",", "1,a,b\n2,c,d\n"),
        ("1,2\n3,4\n", ",", "1,2\n3,4\n"),
        ("New York,x y\n", ",", "New York,x y\n"),
        ('1, "a ,b " ,c\n', ",", '1,"a ,b ",c\n'),
        ('" a",b \n', ",", '" a",b\n'),
        ('a ," two\n lines " , b', ",", 'a," two\n lines ",b'),
        ('5" pipe , x', ",", '5" pipe,x'),
        ("a \t b\t \n", "\t", "a\tb\t\n"),
        (" a; b ;c ", ";", "a;b;c"),
        ("  1   2.5\t3 \n\t4 5   6\n", " ", "1 2.5 3\n4 5 6\n"),
        ('  1   "a  b"\t3 \r\n4 "x"  6', " ", '1 "a  b" 3\r\n4 "x" 6'),
        ("a , \n   \n,b\n", ",", "a,\n\n,b\n"),
    ],
)
def test_blanks_around_cells_are_left_out(text, delimiter, expected):
    assert tidied(text.encode(), 0, delimiter, '"').decode() == expected


def test_what_has_none_is_the_same_object():
    for text in (b"a,b\n1,2\n", b"a b,c\n", b'"a ",b\n'):
        assert tidied(text, 0, ",", '"') is text


def test_what_comes_before_the_rows_stays():
    assert tidied(b"#  x , y\n a, b\n", 9, ",", '"') == b"#  x , y\na,b\n"


PLAIN = st.text(st.sampled_from("ab1 \t,;\n\r"), max_size=60)


@PROPERTY
@given(text=PLAIN, delimiter=st.sampled_from([",", ";", "\t"]))
def test_text_without_quotes_is_as_if_each_cell_were_stripped(text, delimiter):
    blanks = " " if delimiter == "\t" else " \t"
    lines = re.split("([\r\n])", text)
    expected = "".join(
        part if part in "\r\n" else delimiter.join(cell.strip(blanks) for cell in part.split(delimiter))
        for part in lines
    )
    assert tidied(text.encode(), 0, delimiter, '"').decode() == expected


@PROPERTY
@given(text=PLAIN)
def test_aligned_text_has_one_blank_between_its_cells(text):
    expected = "".join(
        part if part in "\r\n" else " ".join(re.split("[ \t]+", part.strip(" \t")))
        for part in re.split("([\r\n])", text)
    )
    assert tidied(text.encode(), 0, " ", '"').decode() == expected


@pytest.mark.parametrize("delimiter", [",", ";", " "])
@pytest.mark.parametrize(
    "text", ["x y", '"x y"', '"x , y"', '" two\n lines "', '5" pipe', '" ""a"" , ', "   x\t\t", '"open']
)
def test_pieces_of_a_long_text_are_joined(monkeypatch, text, delimiter):
    data = "".join(f" {row} {delimiter} {text} {delimiter}z \n" for row in range(60)).encode()
    whole = tidied(data, 3, delimiter, '"')
    for piece in (1, 2, 3, 7, 20, 50, 1000):
        monkeypatch.setattr("variate.data.readers.blanks.PIECE", piece)
        assert tidied(data, 3, delimiter, '"') == whole


ROWS = st.lists(
    st.lists(st.text(st.sampled_from('a1 ",;\n'), max_size=6), min_size=3, max_size=3), min_size=1, max_size=4
)


@PROPERTY
@given(rows=ROWS, delimiter=st.sampled_from([",", ";", " "]), before=st.sampled_from(["", " ", "  "]))
def test_cells_in_quotes_keep_their_blanks(rows, delimiter, before):
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter="\x01", quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    text = stream.getvalue().replace("\x01", before + delimiter + before)
    found = tidied(text.encode(), 0, delimiter, '"')
    assert list(CsvText(found, delimiter, "x").rows(9)) == rows
