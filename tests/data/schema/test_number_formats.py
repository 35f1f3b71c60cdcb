"""Formats of numbers with marks, units and currencies."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from variate.data.schema.formats import FORMATS, format_called, numbers_in
from variate.data.schema.number_formats import VARIANTS, marks_in, templates, units_of, variant

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=200)
UNITS = ["{number} cm", "{decimal-comma-point} €", "${grouped}", "EUR {grouped-blank}", "{number}°C", "{number} m^2"]


@PROPERTY
@given(st.floats(-1e12, 1e12), st.sampled_from([*UNITS, *(form.name for form in VARIANTS)]))
def test_a_number_comes_back_with_its_marks_and_units(number, name):
    form = format_called(name)
    number = round(number, 2)
    assert numbers_in([form.write(number)], form).tolist() == [number]


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        ("grouped", 1234567.5, "1,234,567.5"),
        ("grouped", -999.0, "-999"),
        ("grouped-blank", -1234.0, "-1 234"),
        ("decimal-comma-point", 240123.0, "240.123"),
        ("decimal-comma-point", 0.25, "0,25"),
        ("decimal-comma", 240123.5, "240123,5"),
        ("${grouped}", -1234.5, "-$1,234.5"),
        ("{number} cm", 168.0, "168 cm"),
    ],
)
def test_numbers_are_written_as_people_write_them(name, number, text):
    assert format_called(name).write(number) == text


@pytest.mark.parametrize(
    ("words", "around"),
    [
        (["168 cm", "70.5 cm"], ("", " cm")),
        (["23.4°C", "-3°C"], ("", "°C")),
        (["-$1,243.56", "$5"], ("$", "")),
        (["EUR 5", "EUR 1.200,50"], ("EUR ", "")),
        (["10 km/h", "5 km/h", "unknown"], ("", " km/h")),
        (["A12", "A13"], ("", "")),
        (["<0.1", "<0.2"], ("", "")),
        (["18-25", "26-35"], ("", "")),
        (["12 %"], ("", " %")),
        (["24 Dec 2019"], ("", "")),
        (["18:30"], ("", "")),
        ([], ("", "")),
    ],
)
def test_units_and_currencies_are_told_from_codes(words, around):
    assert units_of(words) == around
    assert len(templates(words)) == (0 if not any(around) else 1 if around[1] == " %" else 3)


def test_a_unit_is_the_same_in_all_cells_but_for_blanks():
    form = format_called("{number} cm")
    found = numbers_in(["168 cm", "168cm", "+168 cm", "168 m", "168", "cm", "1 68 cm", "x168 cm"], form)
    np.testing.assert_array_equal(found, [168, 168, 168, *[np.nan] * 5])


@pytest.mark.parametrize("name", ["", "{number}", "{percent} x", "{nothing} cm", "date", "{number"])
def test_other_names_are_no_formats_with_units(name):
    assert name in FORMATS or format_called(name) is None


def test_marks_are_counted_by_cells():
    words = ["1,234", "12", "1'234.5", "1234", "1 234"]
    numbers = numbers_in(words, FORMATS["grouped"])
    found = marks_in("grouped", pa.array(words), numbers, np.array([3, 9, 2, 5, 1]))
    assert found == {",": 3, "'": 2, "": 5, " ": 1}
    codes = ["+4930555", "90E6", "1.5", "+5"]
    assert marks_in("number", pa.array(codes), np.ones(4), np.array([1, 2, 3, 4])) == {"+": 1, "E": 2}


@pytest.mark.parametrize(
    ("name", "marks", "found"),
    [
        ("grouped", {",": 1}, "grouped"),
        ("grouped", {"'": 1}, "grouped-apostrophe"),
        ("grouped", {",": 1, "": 2}, "grouped-or-not"),
        ("grouped", {}, "grouped"),
        ("decimal-comma", {".": 1}, "decimal-comma-point"),
        ("decimal-comma", {".": 1, "": 2}, "decimal-comma"),
        ("{decimal-comma} €", {".": 1}, "{decimal-comma-point} €"),
        ("number", {"+": 1}, "number"),
    ],
)
def test_the_mark_of_all_large_numbers_is_written(name, marks, found):
    assert variant(name, marks) == found
