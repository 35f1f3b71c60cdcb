"""The values of a column as its kind keeps them: numbers as they are, categories as codes 0 .. K-1, NaN for gaps."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from variate.config.schema import LARGEST, Column
from variate.data.schema.as_numbers import MOST_ODD_CELLS
from variate.data.schema.fits import fits
from variate.data.schema.formats import NATIVE_DATES, format_called, is_marker, iso_numbers, numbers_in
from variate.data.schema.naming import cell_called, column_called, drop
from variate.data.schema.number_formats import NUMBER, is_number_name, number_text
from variate.data.schema.profiles import RawColumn
from variate.data.wording import plural
from variate.errors import InputError, Option, Sentence


def column_values(
    raw: RawColumn, column: Column, source: str, *, first_row: int = 0, allow_odd: bool = False
) -> Float64[np.ndarray, " N"]:
    """The values as the column's kind keeps them; NaN where a cell is missing.

    Args:
        raw: The cells, of all rows or of some of them.
        column: What they are.
        source: What errors call the table.
        first_row: The number of the first row.
        allow_odd: Whether texts among numbers are missing, however many there are: they were counted before, in all
            rows.

    Raises:
        InputError: If the column cannot hold one of them.
    """
    if not allow_odd:
        refuse_odd(odd_words(raw, column), int(np.count_nonzero(~np.isnan(raw.numbers))), column, source)
    return _codes(raw, column) if column.kind == "categorical" else _numbers(raw, column, source, first_row)


def odd_words(raw: RawColumn, column: Column) -> dict[str, int]:
    """Texts that no one expects in a column of numbers, with the number of their cells."""
    if raw.words is None or (column.kind == "categorical" and not column.format):
        return {}
    said = _said(raw.words, column)
    counts = np.bincount(raw.numbers[~np.isnan(raw.numbers)].astype(np.intp), minlength=len(raw.words))
    unread = np.flatnonzero(np.isnan(said) & (counts > 0))
    return {raw.words[place]: int(counts[place]) for place in unread if not is_marker(raw.words[place])}


def refuse_odd(odd: Mapping[str, int], cells: int, column: Column, source: str) -> None:
    """Refuses a column of numbers in which too many cells are texts.

    Args:
        odd: What `odd_words` found.
        cells: Number of cells that are not empty.
        column: The column.
        source: What errors call the table.

    Raises:
        InputError: If they are more than `MOST_ODD_CELLS` of the cells.
    """
    number = sum(odd.values())
    if number > MOST_ODD_CELLS * cells:
        got = f"text such as {cell_called(next(iter(odd)))} in {plural(number, 'cell')}"
        missing = Sentence("correct those cells, or use ", Option("columns", [(column.name, "categorical")]))
        raise InputError(f"{column_called(column.name)} of {source}", f"{column.kind} values", got, missing)


def _numbers(raw: RawColumn, column: Column, source: str, first_row: int) -> Float64[np.ndarray, " N"]:
    """The values of a column of numbers.

    Raises:
        InputError: If one of them cannot be of the kind.
    """
    argument = f"{column_called(raw.name)} of {source}"
    values = raw.numbers if raw.words is None else _read(raw, column)
    largest = float(np.nanmax(np.abs(values), initial=0))
    if largest > LARGEST:
        expected = f"numbers up to {LARGEST:g} in size, since networks compute in float32"
        raise InputError(argument, expected, f"{largest:g}", Sentence("leave them out with ", drop(raw.name)))
    bad = np.flatnonzero(~(fits(values, column.kind) | np.isnan(values)))
    if len(bad):
        others = f", and {len(bad) - 1:,} others that do not fit" if len(bad) > 1 else ""
        got = f"{number_text(values[bad[0]])} in row {first_row + bad[0]} (counting from 0){others}"
        remedy = Sentence("correct them, or set ", Option("columns"), " to choose another kind")
        raise InputError(argument, f"{column.kind} values", got, remedy)
    return values


def _said(words: Sequence[str], column: Column) -> Float64[np.ndarray, " words"]:
    """The numbers that texts say in the column's format; NaN for others."""
    if column.format in NATIVE_DATES:
        return iso_numbers(words, column.format)
    return numbers_in(words, format_called(column.format) or NUMBER)


def _read(raw: RawColumn, column: Column) -> Float64[np.ndarray, " N"]:
    """The numbers that text says in the column's format; what it does not read is missing."""
    assert raw.words is not None
    said = np.append(_said(raw.words, column), np.nan)
    return np.asarray(said[np.where(np.isnan(raw.numbers), len(raw.words), raw.numbers).astype(np.intp)])


def _codes(raw: RawColumn, column: Column) -> Float64[np.ndarray, " N"]:
    """The position of each value among the categories; their number for a category that is none of them."""
    words, places, missing = _words_of(raw, column)
    unknown = len(column.categories) - 1 if column.pooled else len(column.categories)
    known = {category: code for code, category in enumerate(column.categories)}
    by_word = np.array([known.get(word, unknown) for word in words] or [unknown], np.float64)
    return np.where(missing, 0 if column.blank else np.nan, by_word[places])


def _words_of(raw: RawColumn, column: Column) -> tuple[Sequence[str], np.ndarray, np.ndarray]:
    """The different values as text, the position of each cell's among them, and which cells are missing."""
    missing = np.isnan(raw.numbers)
    if raw.words is not None and not column.format:
        return raw.words, np.where(missing, 0, raw.numbers).astype(np.intp), missing
    values = raw.numbers if raw.words is None else _read(raw, column)
    missing = np.isnan(values)
    numbers, places = np.unique(np.where(missing, 0, values), return_inverse=True)
    return tuple(map(number_text, numbers)), places, missing


def unseen_categories(raw: RawColumn, column: Column) -> dict[str, int]:
    """Values that are none of the categories, with the number of their cells."""
    if column.kind != "categorical" or column.pooled:
        return {}
    words, places, missing = _words_of(raw, column)
    counts = np.bincount(places[~missing], minlength=len(words))
    known = set(column.categories)
    return {word: int(count) for word, count in zip(words, counts, strict=True) if count and word not in known}


def is_textual(column: Column) -> bool:
    """Whether cells of the column are to be read as text even if all of them look like numbers."""
    if column.format:
        return format_called(column.format) is not None
    return column.kind == "categorical" and not all(map(is_number_name, column.categories))
