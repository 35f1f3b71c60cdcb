"""Numbers that may be no quantities: those that stand for a gap, and names that are numbers."""

import datetime
import re
from collections.abc import Iterator, Mapping

from variate.config.schema import Column
from variate.data.schema.as_numbers import LEAST_CELLS, is_date, numbers_told
from variate.data.schema.formats import DAY, EPOCH, format_called
from variate.data.schema.naming import drop, name_called
from variate.data.schema.number_formats import number_text
from variate.data.schema.profiles import NumberProfile, Profile
from variate.data.wording import list_names
from variate.errors import Option, Sentence

NINES = frozenset(float(sign + digits * nines) for sign in ("", "-") for digits in "9" for nines in range(2, 8))
"""Numbers that people write where there is none: 99, -999, 9999, ..."""
IDENTIFIERS = frozenset(
    ["id", "ids", "uid", "key", "zip", "zipcode", "postcode", "plz", "phone", "telephone", "isbn", "ean", "sku"]
)
"""Last words of the names of columns whose numbers are names."""
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LISTED = 10
"""Columns that a sentence names."""


def on_sentinels(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence on each number or date that may stand for a missing value.

    Args:
        profiles: The profiles of the columns, by name.
        columns: What they were taken for.
    """
    for name, column in columns.items():
        numbers = numbers_told(profiles[name])
        if numbers is None or column.kind == "categorical":
            continue
        for mark in _far_dates(numbers.profile, column.format) if is_date(column.format) else _nines(numbers.profile):
            yield _sentinel(mark, f"in {name_called(name)} stands far from all other {_kind(column)} there")
        if _is_only_negative(numbers.profile) and not is_date(column.format):
            yield _sentinel("-1", f"is the only negative number in {name_called(name)}")


def _sentinel(mark: str, said: str) -> Sentence:
    return Sentence(f"{mark} {said}; if it means that a value is missing, use ", Option("missing", [mark]), ".")


def _kind(column: Column) -> str:
    return "dates" if is_date(column.format) else "numbers"


def _nines(numbers: NumberProfile) -> Iterator[str]:
    """The smallest and the largest number, where they are made of nines and stand far from the others."""
    (low, second_low), (high, second_high) = numbers.low, numbers.high
    lowest, highest = (second_low if low in NINES else low), (second_high if high in NINES else high)
    if low in NINES and low < 0 and second_low - low > highest - second_low >= 0:
        yield number_text(low)
    if high in NINES and high - second_high > second_high - lowest >= 0:
        yield number_text(high)


def _is_only_negative(numbers: NumberProfile) -> bool:
    """Whether -1 is the only negative number among many."""
    is_narrow = numbers.different is not None
    return numbers.low[0] == -1 and numbers.low[1] >= 0 and numbers.cells >= LEAST_CELLS and not is_narrow


def _far_dates(numbers: NumberProfile, form: str) -> Iterator[str]:
    """The first and the last date, where they begin or end a year and stand far from the others: 9999-12-31."""
    (low, second_low), (high, second_high) = numbers.low, numbers.high
    unit = DAY if _is_day(form) else 1
    if second_low - low > high - second_low > 0 and (text := _end_of_year(low * unit, form)):
        yield text
    if high - second_high > second_high - low > 0 and (text := _end_of_year(high * unit, form)):
        yield text


def _is_day(form: str) -> bool:
    return form == "date" or (("%Y" in form or "%y" in form) and "%H" not in form and "%I" not in form)


def _end_of_year(seconds: float, form: str) -> str:
    """The text of a date in its form, if it is the first or the last day of a year; else nothing."""
    own = format_called(form)
    if form not in ("date", "timestamp") and (own is None or "%d" not in form):
        return ""
    moment = EPOCH + datetime.timedelta(seconds=seconds)
    if (moment.month, moment.day) not in ((1, 1), (12, 31)):
        return ""
    if own is not None:
        return own.write(seconds / DAY if _is_day(form) else seconds)
    return str(moment.date() if form == "date" else moment)


def on_identifiers(columns: Mapping[str, Column]) -> Iterator[Sentence]:
    """A sentence on the columns of whole numbers that are names of something, as their own names say.

    Args:
        columns: What the columns were taken for.
    """
    found = [
        name
        for name, column in columns.items()
        if column.kind in ("counts", "real") and not is_date(column.format) and column.step >= 1
        if (words := WORD.findall(name)) and words[-1].lower() in IDENTIFIERS
    ]
    if found:
        said = (
            f"Numbers of {list_names(list(map(name_called, found)), LISTED)} were taken for quantities; if they only "
        )
        yield Sentence(f"{said}name something, use ", drop(*found), ".")
