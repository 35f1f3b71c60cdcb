"""Formats of numbers and dates: what is written is read back, and Python's own parsers agree."""

import datetime
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from variate.data.schema.formats import DAY, EPOCH, FORMATS, PACKED, is_marker, iso_numbers, numbers_in
from variate.data.schema.number_formats import NUMBER, number_text

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=200)
DATES = [form for form in FORMATS.values() if form.is_date and "%Y" in form.name]


@PROPERTY
@given(st.floats(-1e30, 1e30), st.sampled_from([name for name, form in FORMATS.items() if not form.is_date]))
def test_a_number_comes_back(number, name):
    form = FORMATS[name]
    assert numbers_in([form.write(number)], form).tolist() == [number]


@PROPERTY
@given(st.text("0123456789+-.eE ", max_size=8))
def test_a_number_is_what_python_reads_as_one(text):
    (found,) = numbers_in([text], NUMBER)
    try:
        expected = float(text.strip())
    except ValueError:
        expected = math.nan
    digits = text.strip().lstrip("+-")
    leads = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()  # text, not a number
    if math.isnan(found):
        assert math.isnan(expected) or math.isinf(expected) or leads or "e" in text.lower()
    else:
        assert found == expected
        assert not leads


@PROPERTY
@given(st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(2999, 12, 31)), st.sampled_from(DATES))
def test_a_date_comes_back(moment, form):
    if form.name.startswith(PACKED):
        moment = moment.replace(year=1900 + moment.year % 200)  # others are taken for numbers
    text = moment.strftime(form.name)
    read = datetime.datetime.strptime(text, form.name)
    unit = 1 if "%H" in form.name or "%I" in form.name else DAY
    (found,) = numbers_in([text], form)
    assert found * unit == (read - EPOCH).total_seconds()
    assert form.write(found) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("%d.%m.%Y", "31.02.2019"),
        ("%d.%m.%Y", "1.1.19"),
        ("%m/%d/%Y", "24/12/2019"),
        ("%H:%M", "25:00"),
        ("%H:%M", "7.30"),
        ("decimal-comma", "1,234,5"),
        ("decimal-comma", "1.23,5"),
        ("decimal-comma", "007,5"),
        ("grouped", "1,23"),
        ("grouped", "12,34,567"),
        ("percent", "12"),
        ("number", "0x10"),
        ("number", "1_000"),
        ("number", "inf"),
        ("number", "1e999"),
        ("number", ""),
    ],
)
def test_what_is_not_of_the_form_is_not_read(name, text):
    assert np.isnan(numbers_in([text], FORMATS[name])).all()


def test_blanks_around_a_text_are_no_part_of_it():
    assert numbers_in([" 1.5", "2 ", "\t3"], NUMBER).tolist() == [1.5, 2, 3]


@pytest.mark.parametrize("text", ["?", " N/A", "NULL", "-", ""])
def test_markers(text):
    assert is_marker(text)
    assert not is_marker("0")


@pytest.mark.parametrize("number", [0.0, -3.0, 2.0**53, 0.1, 1e300, 1e-300])
def test_number_text_is_exact(number):
    assert float(number_text(number)) == number


@pytest.mark.parametrize(
    ("native", "arrow", "words"),
    [
        ("date", pa.date32(), ["1970-01-01", "2024-02-29", "1899-12-31"]),
        ("timestamp", pa.timestamp("us"), ["1970-01-01T00:00:00", "2024-02-29 23:59:59.250000", "1969-12-31T23:59:59"]),
    ],
)
def test_texts_of_iso_8601_are_the_numbers_that_arrow_has_for_them(native, arrow, words):
    units = 1 if native == "date" else 1e6
    cells = pa.array([word.replace("T", " ") for word in words]).cast(arrow)
    numbers = cells.cast(pa.int32() if native == "date" else pa.int64()).to_numpy() / units
    assert iso_numbers(words, native).tolist() == numbers.tolist()
    assert np.isnan(iso_numbers(["", "31.12.2019", "2019-02-30", "25:00", "soon", "10000-01-01"], native)).all()


def test_iso_8601_with_an_offset_times_and_durations():
    assert iso_numbers(["00:00:00", "23:59:59.500000", "06:30"], "time").tolist() == [0, 86_399.5, 23_400]
    assert np.isnan(iso_numbers(["24:30", "soon", ""], "time")).all()
    assert iso_numbers(["1970-01-01T02:00:00+02:00", "1970-01-01T00:00:00Z"], "timestamp").tolist() == [0, 0]
    assert iso_numbers(["1970-01-02T12:00:00", " 1970-01-02 "], "date").tolist() == [1, 1]
    assert iso_numbers(["1.5", "90"], "duration").tolist() == [1.5, 90]
