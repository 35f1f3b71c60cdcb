import pytest

from variate.data.readers.headers import is_value, is_word, judge, short_names, words_above_numbers
from variate.errors import Option

NAMES, DATA, UNSURE = (True, None), (False, True), (True, False)
"""Whether there is a header line, and the value of the option that the note names; None where there is no note."""


def verdict(text):
    found = judge([line.split(",") for line in text.strip("\n").split("\n")])
    options = [part.value for note in found.notes for part in getattr(note, "parts", ()) if isinstance(part, Option)]
    return found.is_header, *(options or [None])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3,4", NAMES),
        ("a,b\nx,2\ny,4", NAMES),
        (",a\n0,0.5\n1,2.5", NAMES),
        ("a,b,,\n1,2,,\n", NAMES),
        ("day,n\n2020-01-01,3\n2020-01-02,4", NAMES),
        ("a,b\n1,?\nNA,2\n", NAMES),
        ("1,2\n3,4", DATA),
        ("M,0.5\nF,0.25", DATA),
        ("M,a\nF,b\nM,c", DATA),
        ("3,?,x\n3,?,y\n1,164,z", DATA),
        ("2020-01-01,x\n2020-01-02,y", DATA),
        ("1.5,2\n", DATA),
        ("x,,y\nu,1,v\nw,2,z", DATA),
        ("a,b\n", NAMES),
        ("a,b\nx,y\nz,w", UNSURE),
        ("country,1990,1991,1992\nA,5,6,7\nB,1,2,3", UNSURE),
        ("0,1\n0.5,2.5\n1.5,0.5", UNSURE),
        ("0,1\n1,0\n1,1", DATA),
        ("0,1,2,3\n5,4,3,1\n1,2,3,4", UNSURE),
        ("7,8,8,9\n5,4,3,1\n1,2,3,4", DATA),
        ("grade,note\n" + 20 * "A,good\nB,bad\n", NAMES),
        ("B,bad\n" + 20 * "A,good\nB,bad\n", DATA),
        ("a,b\n?,-\n.,?", UNSURE),
        ("x\n1\n2,3", NAMES),
    ],
)
def test_what_the_first_row_is(text, expected):
    assert verdict(text) == expected


def test_some_odd_cells_make_no_column_of_words():
    rows = [["power"], *([str(n)] for n in range(40)), ["unknown"]]
    assert judge(rows) == (True, ())
    assert not judge([["unknown"], *rows[1:]]).is_header


@pytest.mark.parametrize("cell", ["1", "-1.5e-3", "1,5", "1.000,5", "$3", "12 %", "2020-01-01T10:00:00Z", "٣", "1E5"])
def test_values(cell):
    assert is_value(cell)
    assert not is_word(cell)


@pytest.mark.parametrize("cell", ["a", "x1", "e5", "1e", "3rd", "N/A", "Ünal"])
def test_words(cell):
    assert is_word(cell)
    assert not is_value(cell)


@pytest.mark.parametrize("cell", ["", "?", "-", ".", "#"])
def test_neither(cell):
    assert not is_value(cell)
    assert not is_word(cell)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x y\n1 2 3\n2 3 4", ["", "x", "y"]),
        ("x y\n1 2 \n1 3 ", ["x", "y", ""]),
        ("x y\n1 2 3\n1 3 4", None),
        ("x y\n1 2 3\n2 3", None),
        ("x y\n1 2 3", None),
        ("x\n1 2\n2 3", None),
        ("x y\n1 2\n2 3", None),
    ],
)
def test_names_that_are_one_less_than_the_cells(text, names):
    assert short_names([line.split(" ") for line in text.split("\n")]) == names


def test_names_that_files_joined_have_again_are_names():
    rows = [["size", "city"], *([str(n), "Oslo"] for n in range(40)), ["size", "city"], ["7", "Riga"]]
    assert judge(rows) == (True, ())
    assert not judge([["size", "city"], ["1", "Oslo"], ["size", "city"]]).is_header, "a third of the rows"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (["cm", "", "years"], ["cm", "years"]),
        (["cm", "name", "years"], ["cm", "years"]),
        (["cm", "Oslo", "3"], []),
        (["unknown", "Oslo", "years"], []),
        (["1.5", "Oslo", "3"], []),
    ],
)
def test_a_row_of_units(row, expected):
    rows = [[f"{n}.5", "Oslo", str(n)] for n in range(12)]
    assert words_above_numbers([row, *rows]) == expected
    assert words_above_numbers([row, *rows[:5]]) == [], "too few rows to tell"
