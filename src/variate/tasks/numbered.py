"""Rows of a data set by their numbers, and groups of rows by what holds of them."""

import re
from collections.abc import Sequence

import numpy as np

from variate.config.schema import Schema
from variate.data import Dataset
from variate.data.conditions import conditions_of
from variate.data.storage.base import SAMPLE_BYTES, evenly_spaced
from variate.data.wording import list_names
from variate.errors import InputError, did_you_mean
from variate.runs import Run

SPAN = re.compile(r"(\d{1,15})(?:\.\.(\d{1,15}))?")
"""A row number, or the first and the last of several."""


def numbered(rows: Dataset, numbers: Sequence[int], argument: str = "rows") -> Dataset:
    """The rows with these numbers, in memory.

    Args:
        rows: All rows.
        numbers: Their numbers, from 0.
        argument: What errors call them.

    Raises:
        InputError: If there is no row of one of the numbers.
    """
    wrong = next((number for number in numbers if not 0 <= number < len(rows)), None)
    if wrong is not None:
        raise InputError(argument, f"numbers of rows from 0 to {len(rows) - 1:,}", f"{wrong:,}")
    return rows.select(np.array(numbers, np.int64))


def group(run: Run, data: str | None, words: Sequence[str], argument: str) -> np.ndarray:
    """The numbers of the rows of which everything holds that the words say, rising.

    Args:
        run: The run.
        data: Name or path of the data; by default the run's own.
        words: Conditions on columns of a table ("sex=female", "age=30..40"), which all hold; or else row numbers ("3",
            "10..20") and, of images, folders, of which the group is everything together.
        argument: What errors call the words.

    Raises:
        InputError: If a word cannot be used, or no row is in the group.
    """
    rows, names = run.named_rows(data)
    schema = run.recipe.schema
    if schema.kind == "table" and not any(map(SPAN.fullmatch, words)):
        found = _meeting(rows, schema, words, argument)
    else:
        parts = [_listed(word, len(rows), names, argument) for word in words]
        found = np.unique(np.concatenate([np.empty(0, np.int64), *parts]))
    if not len(found):
        raise InputError(argument, "a group of at least one row", f"{' '.join(words)!r}, which no row is in")
    return found


def group_rows(rows: Dataset, numbers: np.ndarray) -> Dataset:
    """The rows of a group in memory, as many as `thinned` leaves."""
    return rows.select(thinned(rows, numbers))


def thinned(rows: Dataset, numbers: np.ndarray) -> np.ndarray:
    """The numbers of the rows of a group; of more on disk than fit well into memory, some, spread evenly."""
    most = len(numbers) if rows.in_memory else rows.x.limit(SAMPLE_BYTES)
    return numbers[evenly_spaced(len(numbers), most)]


def _meeting(rows: Dataset, schema: Schema, words: Sequence[str], argument: str) -> np.ndarray:
    """The rows of a table that meet conditions; a missing cell meets none."""
    try:
        conditions = conditions_of(words, schema)
    except InputError as error:
        if error.argument != "given":
            raise
        raise InputError(argument, error.expected, error.got, error.remedy) from None
    found = [np.empty(0, np.int64)]
    for index in rows.stretches():
        x = rows.x.take(index)
        meets = np.ones(x.shape, bool) if rows.mask is None else rows.mask.take(index).astype(bool)
        places = [own.place for own in conditions]
        low, high = ([getattr(own, end) for own in conditions] for end in ("low", "high"))
        inside = meets[:, places] & (x[:, places] >= low) & (x[:, places] <= high)
        found.append(index[inside.all(1)])
    return np.concatenate(found)


def _listed(word: str, count: int, names: Sequence[str], argument: str) -> np.ndarray:
    """The rows that a number, a span of numbers or a folder says."""
    span = SPAN.fullmatch(word)
    if span is not None:
        first, last = int(span[1]), int(span[2] or span[1])
        if not first <= last < count:
            raise InputError(argument, f"numbers of rows from 0 to {count - 1:,}", repr(word))
        return np.arange(first, last + 1)
    folders = sorted({name.rpartition("/")[0] for name in names} - {""})
    found = np.array([number for number, name in enumerate(names) if name.startswith(f"{word.rstrip('/')}/")], np.int64)
    if not len(found):
        known = f"one of the folders {list_names(folders)}, or " if folders else ""
        expected = f"{known}numbers of rows such as 3 or 10..20"
        raise InputError(argument, expected, repr(word), did_you_mean(word, folders))
    return found
