"""Conditions on the columns of a table, as they are typed: sex=female, age=30..40, date=2020-01-01..

    NAME=VALUE          a category, a number or a date, as the table has them
    NAME=LOW..HIGH      an interval with both ends; LOW.. and ..HIGH have one

A day of a column of dates with a time is the interval of its 24 hours.
"""

import datetime
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from variate.config.schema import Column, Schema
from variate.data.schema.columns import aside_words
from variate.data.schema.formats import BOOL, DAY, EPOCH, format_called, numbers_in
from variate.data.schema.naming import cell_called, column_called, name_called
from variate.data.schema.number_formats import NUMBER, Format, is_number_name
from variate.data.schema.origin import as_they_came
from variate.data.wording import list_names
from variate.errors import InputError, did_you_mean

BETWEEN = ".."
LISTED = 10
"""Names that a message lists."""
TRUTHS = {"true": 1.0, "false": 0.0}


class Condition(NamedTuple):
    """What is to hold of a column.

    Attributes:
        text: As it was typed.
        place: The place of the column in a row.
        low: The least value, as the model has it; -inf where there is none.
        high: The largest value; inf where there is none. Of a single value, both are that.
    """

    text: str
    place: int
    low: float
    high: float

    @property
    def is_value(self) -> bool:
        """Whether it is a single value."""
        return self.low == self.high


class ValueSpan(NamedTuple):
    """The first and the last number that a text stands for."""

    first: float
    last: float


def conditions_of(given: Iterable[str], schema: Schema) -> tuple[Condition, ...]:
    """The conditions that texts say.

    Args:
        given: Texts, NAME=VALUE or NAME=LOW..HIGH.
        schema: Of the table.

    Raises:
        InputError: If a text says no condition, or names a column or a value that the model does not know.
    """
    found: dict[str, Condition] = {}
    for text in given:
        column, value = _parted(text, schema)
        if column.name in found:
            got = f"{found[column.name].text!r} and {text!r}"
            raise InputError("given", "one condition per column", got, "join them to one interval")
        low, high = _interval(column, value)
        found[column.name] = Condition(text, schema.columns.index(column), low, high)
    return tuple(found.values())


def _parted(text: str, schema: Schema) -> tuple[Column, str]:
    """The column and the value of a condition; names may hold the sign =."""
    known = {own.name: own for own in schema.columns}
    name = max((name for name in known if text.startswith(f"{name}=")), key=len, default=None)
    if name is not None:
        return known[name], text[len(name) + 1 :].strip()
    typed, equals, _ = text.partition("=")
    if not equals:
        raise InputError("given", "NAME=VALUE or NAME=LOW..HIGH", repr(text), did_you_mean(text, known))
    aside = next((own for own in schema.aside if own.name == typed), None)
    expected = f"a column that the model knows: {list_names([name_called(name) for name in known], LISTED)}"
    if aside is not None:
        raise InputError("given", expected, f"{typed!r}, which has {aside_words(aside)}", "leave it out")
    raise InputError("given", expected, repr(typed), did_you_mean(typed, known))


def _interval(column: Column, text: str) -> tuple[float, float]:
    """The least and the largest value of a column that a condition allows."""
    if column.kind == "categorical" and (text in column.categories or not _is_ordered(column)):
        code = float(_code(column, text))
        return code, code
    parts = [part.strip() for part in text.split(BETWEEN)]
    if len(parts) > 2 or not any(parts):
        raise InputError(_argument(column), "a value, or an interval LOW..HIGH", cell_called(text))
    ends = [_ends(column, part) if part else None for part in parts]
    low = -math.inf if ends[0] is None else ends[0].first
    high = math.inf if ends[-1] is None else ends[-1].last
    if low > high:
        raise InputError(_argument(column), "an interval whose first end is the smaller one", cell_called(text))
    return _possible(column, text, low, high)


def _possible(column: Column, text: str, low: float, high: float) -> tuple[float, float]:
    """The least and the largest value of the column that lie in an interval, and in its range where that is known."""
    if column.low is not None and column.high is not None:
        if low > column.high or high < column.low:
            span = " .. ".join(str(as_they_came(np.array([end]), column)[0]) for end in (column.low, column.high))
            raise InputError(_argument(column), f"values within the range of the data, {span}", cell_called(text))
        low, high = max(low, column.low), min(high, column.high)
    if column.kind == "real":
        return low, high
    values = np.arange(2.0) if column.kind == "binary" else None
    if column.kind == "categorical":
        values = np.array([float(category) for category in column.categories])
    if values is None:  # counts
        least, most = math.ceil(max(low, 0)), high if math.isinf(high) else math.floor(high)
        if least <= most:
            return (float(least) if low > 0 else low, float(most))
    elif len(inside := np.flatnonzero((values >= low) & (values <= high))):
        return float(inside[0]), float(inside[-1])
    words = {"counts": "a whole number from 0", "binary": "0 or 1"}
    expected = words.get(column.kind) or f"one of {list_names(column.categories, LISTED)}"
    raise InputError(_argument(column), expected, cell_called(text))


def _is_ordered(column: Column) -> bool:
    """Whether categories are numbers, in their order."""
    if not all(map(is_number_name, column.categories)):
        return False
    numbers = [float(category) for category in column.categories]
    return numbers == sorted(numbers)


def _code(column: Column, text: str) -> int:
    """The code of a category.

    Raises:
        InputError: If the model does not know it.
    """
    if text in column.categories:
        return column.categories.index(text)
    folded = {category.casefold(): category for category in column.categories}
    near = did_you_mean(text, column.categories) or did_you_mean(text.casefold(), folded)
    if text.casefold() in folded:
        near = f"did you mean {folded[text.casefold()]!r}?"
    expected = f"one of {list_names(column.categories, LISTED)}"
    raise InputError(_argument(column), expected, cell_called(text), near)


def _ends(column: Column, text: str) -> ValueSpan:
    """The numbers that a text stands for in the format of a column.

    Raises:
        InputError: If it is none.
    """
    expected, read = "a number", None
    if column.format == "date":
        expected, read = "a date such as 2019-12-24", _days(text)
    elif column.format == "timestamp":
        expected, read = "a date or a time such as 2019-12-24 18:30:00", _seconds(text)
    elif column.format == "time":
        expected, read = "a time such as 18:30:00", _of_day(text)
    elif column.format == BOOL and text.lower() in TRUTHS:
        read = ValueSpan(*(2 * [TRUTHS[text.lower()]]))
    elif (form := format_called(column.format)) is not None and form != NUMBER:
        expected, read = form.words, _number(text, form)
        read = read or (None if form.is_date else _number(text, NUMBER))
    else:
        read = _number(text, NUMBER)
    if read is None:
        raise InputError(_argument(column), expected, cell_called(text))
    return read


def _number(text: str, form: Format) -> ValueSpan | None:
    (number,) = numbers_in([text], form).tolist()
    return None if math.isnan(number) else ValueSpan(number, number)


def _days(text: str) -> ValueSpan | None:
    try:
        day = float((datetime.date.fromisoformat(text) - EPOCH.date()).days)
    except ValueError:
        return None
    return ValueSpan(day, day)


def _seconds(text: str) -> ValueSpan | None:
    """A second, or the first and the last of a day."""
    day = _days(text)
    if day is not None:
        return ValueSpan(day.first * DAY, (day.first + 1) * DAY - 1e-6)
    try:
        seconds = (datetime.datetime.fromisoformat(text).replace(tzinfo=None) - EPOCH).total_seconds()
    except ValueError:
        return None
    return ValueSpan(seconds, seconds)


def _of_day(text: str) -> ValueSpan | None:
    try:
        time = datetime.time.fromisoformat(text)
    except ValueError:
        return None
    seconds = time.hour * 3600.0 + time.minute * 60 + time.second + time.microsecond / 1e6
    return ValueSpan(seconds, seconds)


def _argument(column: Column) -> str:
    return f"the condition on {column_called(column.name)}"
