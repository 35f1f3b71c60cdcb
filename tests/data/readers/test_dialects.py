import pytest

from variate.data.readers.dialects import (
    LARGEST_SAMPLE,
    SAMPLE,
    Beginning,
    Dialect,
    beginning_of,
    dialect_of,
    note_on,
    sample_of,
)
from variate.errors import Option


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a b\n1 2\n", " "),
        ("  1   2.5\n 10  30\n", " "),
        ("1,5;2,7\n0,5;3\n", ";"),
        ("a;b\n1,5;2,7\n", ";"),
        ("1,5\t2,7\n0,5\t3,1\n", "\t"),
        ("1,5  2,7\n0,5  3,1\n", " "),
        ("a;b\nNew York, NY;1\nBath, UK;2\n", ";"),
        ("a,b\nx;y,1\nu;v,2\n", ","),
        ("first name,last name\nA B,C D\n", ","),
        ("2020-01-01 10:00:00,1,2\n2020-01-02 11:00:00,3,4\n", ","),
        ('a,b\n"x;y|z",1\n"u\tv",2\n', ","),
        ('18.0   8   307.0\t"chevrolet chevelle"\n15.0   8   350.0\t"buick"\n', " "),
        ("a\n1\n2\n", ","),
        ("a\nhello, world\nfoo\n", ","),
        ("a,b\n1,2\n3,4,5\n6,7\n", ","),
        ("a;b\n1;2\n3;4;5\n6;7\n", ";"),
        ("1, 2, 3\n4, 5, 6\n", ","),
        ("1; 2,5\n4; 5,5\n", ";"),
        ("", ","),
        ("a b c\n1,2 3 4\n5 6 7\n", " "),
        ("2020-01-01 10,1,2\n2020-01-02 11,3\n2020-01-02 12,3,4\n", ","),
    ],
)
def test_delimiters(text, expected):
    assert dialect_of(text.encode(), 0, ",", "x.csv") == Dialect(expected)


def test_the_delimiter_of_the_ending_is_taken_where_two_fit():
    text = b"a,b\tc,d\n1,2\t3,x\n"
    assert dialect_of(text, 0, "\t", "x").delimiter == ","  # it makes more cells
    text = b"a,b\tc\nx,2\ty\n"
    assert [dialect_of(text, 0, own, "x").delimiter for own in (",", "\t")] == [",", "\t"]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("'a','b'\n'x','y'\n", "'"),
        ("a,b\n'x, y',1\n'z',2\n'w',3\n", "'"),
        ("a,b\n'x',1\n?,2\n'y',2\n", "'"),
        ("a,b\n'x',1\nz,2\n", '"'),
        ("a,b\n'tis,1\n'twas,2\n", '"'),
        ("a,b\n'x',\"1\"\n'y',\"2\"\n", '"'),
        ("a,b\nx,1\n", '"'),
        ("'a'\n", '"'),
    ],
)
def test_single_quotes(text, quote):
    assert dialect_of(text.encode(), 0, ",", "x.csv") == Dialect(",", quote)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n", Beginning(0)),
        ("\ufeff\n\na,b\n", Beginning(5)),
        ("sep=;\na;b\n", Beginning(6, ";")),
        ('"sep=\t"\r\n\r\na\tb\n', Beginning(11, "\t")),
        ("SEP=,\r\na,b\n", Beginning(7, ",")),
        ("sep=;;\na\n", Beginning(0)),
        ("separator;b\n", Beginning(0)),
        ("#x\n#y\na,b\n", Beginning(6, "", 3, 2)),
        ("sep=|\n# x\r\n\na|b\n", Beginning(12, "|", 6, 1)),
        ("#a,1\n#b,2\n", Beginning(0)),
        ("", Beginning(0)),
        ("\n\n", Beginning(2)),
        ("sep=;", Beginning(5, ";")),
    ],
)
def test_what_comes_before_the_rows(text, expected):
    assert beginning_of(text.encode()) == expected


def test_a_sample_is_of_whole_lines():
    data = b"x\n" + SAMPLE * b"1,2\n"
    sample = sample_of(data, 2)
    assert (data[2:].startswith(sample), sample[-1:], SAMPLE - 4 <= len(sample) <= SAMPLE) == (True, b"\n", True)
    assert sample_of(b"x" * 2 * LARGEST_SAMPLE, 1) == b"x" * LARGEST_SAMPLE
    assert sample_of(b"x" * SAMPLE + b"\ny", 0) == b"x" * SAMPLE + b"\ny"
    assert sample_of(b"abc", 1) == b"bc"


def test_notes_name_what_was_not_expected():
    assert note_on(Dialect(","), ",", ".csv") == []
    (note,) = note_on(Dialect(" "), "\t", ".tsv")
    assert ("blanks" in note, "tabs" in note, Option("delimiter") in note.parts) == (True, True, True)
    assert len(note_on(Dialect(",", "'"), "", ".txt")) == 2
