"""Ways in which texts say numbers, dates and times: how they are read, and written back.

A format turns the different texts of a column into numbers, NaN where a text is not of that form. Which one a column
has is told from all of its cells (`variate.data.schema.columns`); its name is kept in `Column.format`, so that a model
reads other data in the same way and its samples look like what it was trained on. Dates become days since 1970, and
dates with a time seconds since then; times of the day become seconds since midnight.
"""

import datetime
import re
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from jaxtyping import Float64
from pyarrow import compute

from variate.data.schema.number_formats import (
    FAMILIES,
    PERCENT,
    VARIANTS,
    Format,
    templates,
    where_fits,
    with_unit,
)

DAY = 86_400
"""Seconds."""
PACKED = "%Y%m%d"
"""The form of dates such as 20191224, which look like numbers."""
EPOCH = datetime.datetime(1970, 1, 1)
MARKERS = frozenset(
    ["", "?", "-", "--", ".", "..", "...", "*", "_", "#", "x", "n/a", "na", "n.a.", "#n/a", "#na", "<na>", "nan",
     "\\n", "null", "(null)", "none", "nil", "void", "unknown", "missing", "not available", "undefined", "#value!",
     "#div/0!", "#ref!", "#null!", "k.a.", "s/d", "n/d", "n.d.", "---", "0000-00-00", "0000-00-00 00:00:00"]
)  # fmt: skip
"""Texts that say in a column of numbers that there is none, in small letters."""


def format_called(name: str) -> Format | None:
    """The format of a name; None where there is none of text."""
    return FORMATS.get(name) or with_unit(name)


def formats_of(words: Sequence[str]) -> list[str]:
    """The names of the formats of which a text has the beginning; it takes a look at each beginning only once."""
    bare, found = trimmed(words), dict[str, bool]()
    for form in FORMATS.values():
        if form.begins not in found:
            fits = compute.match_substring_regex(bare, f"^(?:{form.begins})")
            found[form.begins] = bool(compute.any(fits).as_py())
    told = [name for name, form in FORMATS.items() if found[form.begins] and form not in VARIANTS]
    return [*told, *templates(words)]


def numbers_in(words: Iterable[str], form: Format) -> Float64[np.ndarray, " N"]:
    """What texts say in a format; NaN where they are not of its form."""
    return form.read(trimmed(words))


def iso_numbers(words: Sequence[str], native: str) -> Float64[np.ndarray, " N"]:
    """What texts of ISO 8601 say, as the numbers of a column that was no text; NaN where they are not of its form.

    JSON has only texts for dates, and so have data frames whose reader was not told of them.

    Args:
        words: The texts.
        native: One of `NATIVE_DATES`; durations are numbers of seconds.
    """
    return np.array([_iso_number(word.strip(), native) for word in words], np.float64)


def _iso_number(word: str, native: str) -> float:
    """The number that one text says."""
    try:
        if native == "duration":
            return float(word)
        if native == "time":
            time = datetime.time.fromisoformat(word)
            return time.hour * 3600 + time.minute * 60 + time.second + time.microsecond / 1e6
        moment = datetime.datetime.fromisoformat(word)
    except ValueError:
        return np.nan
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
    seconds = (moment - EPOCH).total_seconds()
    return float(seconds // DAY) if native == "date" else seconds


def trimmed(words: Iterable[str]) -> pa.StringArray:
    """Texts without blanks around them."""
    return compute.utf8_trim_whitespace(pa.array(words, pa.string()))


def is_marker(word: str) -> bool:
    """Whether a text says that there is no number."""
    return word.strip().lower() in MARKERS


def _pattern_of(form: str) -> str:
    """A regular expression for what `strftime` writes."""
    if form.startswith(PACKED):  # all digits in one piece
        return "(?:19|20)[0-9]{2}[01][0-9](?P<day>[0-3][0-9])" + _pattern_of(form.removeprefix(PACKED))
    parts = {"%d": "(?P<day>[0-3]?[0-9])", "%m": "[01]?[0-9]", "%Y": "[12][0-9]{3}", "%y": "[0-9]{2}",
             "%H": "[0-2]?[0-9]", "%I": "[01]?[0-9]", "%M": "[0-5][0-9]", "%S": "[0-6][0-9]", "%p": "[AaPp][Mm]",
             "%b": "[A-Za-z]{3}", "%B": "[A-Za-z]{3,9}"}  # fmt: skip
    return re.sub(r"%.|[^%]", lambda part: parts.get(part[0]) or re.escape(part[0]), form)


def _parsed(form: str, unit: float, words: pa.StringArray) -> np.ndarray:
    """Dates and times that Arrow reads by a form of `strptime`, in units of so many seconds."""

    def parse(some: pa.StringArray) -> np.ndarray:
        found = compute.strptime(some, form, "s", error_is_null=True)
        if "%d" in form:  # 31.02. would be the third of March
            said = compute.extract_regex(some, f"^{_pattern_of(form)}$").field("day")
            found = compute.if_else(compute.equal(compute.day(found), said.cast(pa.int64())), found, None)
        seconds = compute.cast(found, pa.int64()).cast(pa.float64())
        return seconds.to_numpy(zero_copy_only=False) / unit  # null becomes NaN

    return where_fits(words, _pattern_of(form), parse)


def _of_day(form: str, words: pa.StringArray) -> np.ndarray:
    """Times of the day, in seconds since midnight."""
    return np.mod(_parsed(form, 1.0, words), DAY)


def _dated(form: str, unit: float, number: float) -> str:
    """The date of a number, in a form of `strftime`."""
    seconds = round(number * unit) if unit == 1 else round(number) * DAY
    least, most = ((datetime.datetime(year, 1, 1) - EPOCH).total_seconds() for year in (1, 9999))
    return (EPOCH + datetime.timedelta(seconds=min(max(seconds, least), most))).strftime(form)


def _dates(form: str, example: str) -> Format:
    unit = 1.0 if "%H" in form or "%I" in form else float(DAY)
    date, *time = re.split(r"[ T](?=%[HI])", form)
    begins = _pattern_of(date) + ("[ T][0-9]" if time else "$")
    parse, write = partial(_parsed, form, unit), partial(_dated, form, unit)
    return Format(form, f"dates such as {example}", parse, write, True, begins)


_DATE_FORMS = {
    "%d.%m.%Y": "24.12.2019", "%d/%m/%Y": "24/12/2019", "%m/%d/%Y": "12/24/2019", "%d-%m-%Y": "24-12-2019",
    "%m-%d-%Y": "12-24-2019", "%Y/%m/%d": "2019/12/24", "%Y.%m.%d": "2019.12.24", "%Y-%m-%d": "2019-12-24",
    "%d %b %Y": "24 Dec 2019", "%d-%b-%Y": "24-Dec-2019", "%b %d %Y": "Dec 24 2019", "%b %d, %Y": "Dec 24, 2019",
    "%d %B %Y": "24 December 2019", "%B %d, %Y": "December 24, 2019",
    "%d.%m.%y": "24.12.19", "%d/%m/%y": "24/12/19", "%m/%d/%y": "12/24/19", "%d-%m-%y": "24-12-19",
    "%m-%d-%y": "12-24-19", "%d %b %y": "24 Dec 19", "%d-%b-%y": "24-Dec-19", PACKED: "20191224",
}  # fmt: skip
_TIMES = {"": "", " %H:%M": " 18:30", " %H:%M:%S": " 18:30:00", "T%H:%M:%S": "T18:30:00", " %I:%M %p": " 06:30 PM",
          " %I:%M:%S %p": " 06:30:00 PM"}  # fmt: skip

TIME = Format("%H:%M", "times such as 18:30", partial(_of_day, "%H:%M"), partial(_dated, "%H:%M", 1.0), True)
TIMES_OF_12_HOURS = tuple(
    Format(form, f"times such as {example}", partial(_of_day, form), partial(_dated, form, 1.0), True)
    for form, example in (("%I:%M %p", "06:30 PM"), ("%I:%M:%S %p", "06:30:00 PM"))
)
TIME_IN_SECONDS = Format(
    "%H:%M:%S", "times such as 18:30:00", partial(_of_day, "%H:%M:%S"), partial(_dated, "%H:%M:%S", 1.0), True
)

FORMATS = {
    form.name: form
    for form in (
        *FAMILIES,
        PERCENT,
        TIME,
        TIME_IN_SECONDS,
        *TIMES_OF_12_HOURS,
        *VARIANTS,
        *(
            _dates(date + time, example + hour)
            for date, example in _DATE_FORMS.items()
            for time, hour in _TIMES.items()
        ),
    )
}
"""All formats by name; of two that read a column equally well, the first is taken."""

NATIVE_DATES = ("date", "timestamp", "time", "duration")
"""Formats of columns that are no text but dates (in days), dates with a time, times of the day, and durations (in
seconds)."""
INEXACT = "inexact"
"""The format of whole numbers that float64 does not hold exactly."""
BOOL = "bool"
"""The format of columns of False and True, which are kept as 0 and 1."""
