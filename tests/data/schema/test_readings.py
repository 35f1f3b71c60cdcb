"""Texts that can be read in two ways are decided by the table, and it is said."""

from fractions import Fraction

import numpy as np
import pytest

from variate.config.recipe import DataOptions
from variate.data.readers.sources import read
from variate.data.schema.as_numbers import numbers_told
from variate.data.schema.profiles import RawColumn, profile
from variate.data.schema.readings import resolved
from variate.errors import InputError

OPEN_POINTS, OPEN_COMMAS = ["240.123", "17", "1.500"], ["240,123", "17", "1,500"]
POINTS, COMMAS = ["12.5", "7.25", "8"], ["12,5", "7,25", "8"]
OPEN_DATES, DAY_FIRST, MONTH_FIRST = ["03/04/2019", "01/02/2020"], ["24/12/2019"], ["12/24/2019"]


def texts(cells, name="a"):
    words = tuple(dict.fromkeys(cells))
    return profile(RawColumn(name, np.array([float(words.index(cell)) for cell in cells]), words))


def numbers(values, name):
    return profile(RawColumn(name, np.array(values, dtype=float)))


def told(profiles, formats=None, kinds=None):
    """The formats and lowest numbers of the columns, and the notes."""
    found = resolved(profiles, formats or {}, kinds or {}, "x.csv")
    forms = [numbers_told(own) for own in found.profiles]
    return [None if form is None else (form.format, form.profile.low[0]) for form in forms], found.notes


@pytest.mark.parametrize(
    ("cells", "others", "expected", "said"),
    [
        (OPEN_POINTS, [], ("number", 1.5), "decimal points, as in English"),
        (OPEN_POINTS, [POINTS], ("number", 1.5), "decimal points, as other columns have decimal points"),
        (OPEN_POINTS, [COMMAS], ("decimal-comma-point", 17), "group thousands, as other columns have decimal commas"),
        (OPEN_POINTS, [COMMAS, POINTS], ("number", 1.5), "decimal points, as in English"),
        (OPEN_POINTS, [["1.234.567"]], ("decimal-comma-point", 17), "group thousands, as other"),
        (OPEN_COMMAS, [], ("grouped", 17), "group thousands, as in English"),
        (OPEN_COMMAS, [POINTS], ("grouped", 17), "group thousands, as other columns have decimal points"),
        (OPEN_COMMAS, [COMMAS], ("decimal-comma", 1.5), "decimal commas, as other columns have decimal commas"),
        (["240.123", "0.5"], [COMMAS], ("number", 0.5), ""),
        (["240.123", "0.125"], [COMMAS], ("number", 0.125), ""),
        (["0,123", "1,500"], [POINTS], ("decimal-comma", 0.123), ""),
        (["240.123 €", "1.500 €"], [COMMAS], ("{decimal-comma-point} €", 1500), "group thousands, as other"),
        (["17", "18"], [COMMAS], ("number", 17), ""),
        (OPEN_DATES, [], ("%d/%m/%Y", 17989), "the day was taken to come first, though"),
        (OPEN_DATES, [DAY_FIRST], ("%d/%m/%Y", 17989), "the day was taken to come first, as in other"),
        (OPEN_DATES, [MONTH_FIRST], ("%m/%d/%Y", 17959), "the month was taken to come first, as in other"),
        (["03.04.2019"], [MONTH_FIRST], ("%d.%m.%Y", 17989), ""),
        (["2019-04-03"], [MONTH_FIRST], ("%Y-%m-%d", 17989), ""),
        (["03/04/19"], [MONTH_FIRST], ("%m/%d/%y", 17959), "the month was taken to come first, as in other"),
        (["20190403"] * 5, [], ("%Y%m%d", 17989), ""),
        (["20190403"] * 4, [], ("number", 20190403), ""),
        (["20190403"] * 9 + ["20190431"], [], ("number", 20190403), ""),
        (["06:30 PM", "6:30 AM"], [], ("%I:%M %p", 6.5 * 3600), ""),
        (["12,5 %", "7,25 %"], [], ("{decimal-comma} %", 7.25), ""),
        (["12 %", "7 %"], [], ("percent", 7), ""),
        (["1\u2019234.5", "17"], [], ("grouped-quote", 17), ""),
        (["\u221212.5", "+3"], [], ("number", -12.5), ""),
    ],
)
def test_what_can_be_read_in_two_ways_is_told_from_the_rest_of_the_table(cells, others, expected, said):
    (own, *_), notes = told([texts(cells), *(texts(other, str(place)) for place, other in enumerate(others))])
    assert own == expected
    assert len(notes) == bool(said)
    assert not said or said in str(notes[0])


def test_numbers_with_decimals_that_are_no_text_have_points():
    (own, _), _ = told([texts(OPEN_COMMAS), numbers([0.5, 2], "b")])
    assert own == ("grouped", 17)
    (own, *_), notes = told([texts(OPEN_POINTS), numbers([1, 2], "b"), texts(COMMAS, "c")])
    assert own[0] == "decimal-comma-point"
    assert len(notes) == 1


@pytest.mark.parametrize("cells", [["+4930111", "+4930112"], ["90E6", "73E3"]])
def test_codes_are_text_unless_the_user_says_otherwise(cells):
    (own,), (note,) = told([texts(cells)])
    assert own is None
    assert cells[0] in str(note) or cells[1] in str(note)
    for given in ({"formats": {"a": "number"}}, {"kinds": {"a": "real"}}):
        (own,), notes = told([texts(cells)], **given)
        assert own[0] == "number"
        assert not notes
    (own,), notes = told([texts([*cells, "1.5"])])
    assert own[0] == "number"
    assert not notes


def test_a_format_that_the_user_gives_is_taken():
    (own,), notes = told([texts(OPEN_POINTS)], {"a": "decimal-comma"})
    assert own == ("decimal-comma-point", 17)
    assert not notes
    (own,), _ = told([texts(OPEN_DATES)], {"a": "%m/%d/%Y"})
    assert own == ("%m/%d/%Y", 17959)


@pytest.mark.parametrize(
    ("column", "form", "argument"),
    [
        (texts(POINTS), "decimal", "formats"),
        (texts(["12,5", "x y"] * 30), "%d.%m.%Y", "column 'a' of x.csv"),
        (numbers([1, 2], "a"), "number", "column 'a' of x.csv"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(column, form, argument):
    with pytest.raises(InputError) as caught:
        resolved([column], {"a": form}, {}, "x.csv")
    assert caught.value.argument == argument


@pytest.mark.parametrize("stream", ["off", "on"])
def test_a_file_with_decimal_commas_and_thousands_is_read_alike_in_memory_and_from_disk(tmp_path, stream):
    rng = np.random.default_rng(2)
    amounts, degrees = rng.integers(1_000, 999_000, 300), rng.normal(21, 4, 300).round(2)
    lines = [
        f"{degree:.2f};{amount:,}".replace(".", "#").replace(",", ".").replace("#", ",") + f";+49{amount:07};{amount}E3"
        for degree, amount in zip(degrees, amounts, strict=True)
    ]
    path = tmp_path / "klima.csv"
    path.write_text("\n".join(["Temperatur;Erlös;Telefon;Code", *lines]), encoding="utf-8")
    source = read(path, DataOptions(stream=stream))
    assert {column.name: column.format for column in source.schema.columns} == {
        "Temperatur": "decimal-comma", "Erlös": "decimal-comma-point",
    }  # fmt: skip
    assert [own.name for own in source.schema.aside] == ["Telefon", "Code"]
    found = source.dataset.x.take(np.arange(300))
    np.testing.assert_array_equal(found[:, 1], amounts)
    assert [Fraction(str(value)) for value in found[:, 0].tolist()] == [
        Fraction(str(value)) for value in degrees.tolist()
    ]
    told = " ".join(source.notes)
    assert "points of 'Erlös'" in told
    assert "Every cell of 'Telefon'" in told
    assert "Every cell of 'Code'" in told


def test_long_identifiers_stay_text_unless_the_user_says_that_they_are_numbers():
    own = texts(["10000000000000000000001", "9223372036854775809"])
    (form,), (note,) = told([own])
    assert form is None
    assert "numbers would lose the last digits" in note
    (form,), notes = told([own], {"a": "number"})
    assert form == ("number", 2.0**63)
    assert not notes


def test_numbers_that_could_be_dates_are_numbers_if_the_user_says_so():
    own = texts(["20190403"] * 5)
    assert told([own], {"a": "number"})[0] == [("number", 20190403)]
    assert told([own], {}, {"a": "counts"})[0] == [("number", 20190403)]
