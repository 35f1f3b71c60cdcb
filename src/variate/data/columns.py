"""What one column of a table is, told from its type and values.

Text is categorical. Numbers, whatever their type:

    only 0 and 1                                       binary
    whole, none negative, variance >= mean             counts
    whole, at most 20 different, otherwise             categorical
    all others                                         real

The bound on the variance is a theorem, not a taste: whatever the decoder, a mixture of Poisson (or negative binomial)
distributions has Var x = E[Var(x|z)] + Var(E[x|z]) >= E[E(x|z)] = E x, so whole numbers that spread less, such as years
and grades, cannot be modelled as counts.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.data.wording import listing, plural, printable
from variate.errors import InputError
from variate.recipe import Column, ColumnKind

FEW = 20
"""Whole numbers with at most this many different values may be codes."""
MOST_CATEGORIES = 1000
"""Text with more different values is refused, unless it was said to be categorical."""
IDENTIFIER_ROWS = 20
"""From this many rows on, text that never repeats is an identifier."""
INDEX_NAMES = ("", "id", "index", "unnamed: 0", "__index_level_0__", "rowid", "row")


class Raw(NamedTuple):
    """A column as the file has it.

    Attributes:
        name: Its name.
        numbers: Its values; of text the positions in `words`.
        words: Of text the different values, in any order; of numbers None.
    """

    name: str
    numbers: Float64[np.ndarray, " N"]
    words: tuple[str, ...] | None = None


def tell_column(raw: Raw) -> ColumnKind:
    """What the column is, by the rule above."""
    if raw.words is not None:
        return "categorical"
    values = raw.numbers
    if is_bits(values):
        return "binary"
    if not is_whole(values):
        return "real"
    if values.min() >= 0 and values.var() >= values.mean():
        return "counts"
    return "categorical" if len(np.unique(values)) <= FEW else "real"


def fitted(raw: Raw, kind: ColumnKind | None, source: str) -> tuple[Column, Float64[np.ndarray, " N"]]:
    """The column as its values have it.

    Args:
        raw: The column.
        kind: What it was said to be, if it was.
        source: The file.

    Returns:
        What the column is, and its values (of categories the codes).

    Raises:
        InputError: If the values cannot be of that kind, or are text that never repeats.
    """
    if kind is None:
        refuse_identifier(raw, source)
    told = kind or tell_column(raw)
    if told != "categorical":
        return Column(raw.name, told), checked(raw, told, source)
    column = Column(raw.name, told, categories_of(raw))
    return column, coded(raw, column, source)


def conformed(raw: Raw, column: Column, source: str) -> Float64[np.ndarray, " N"]:
    """The values as a model's column has them.

    Raises:
        InputError: If the model cannot take one of them.
    """
    return coded(raw, column, source) if column.kind == "categorical" else checked(raw, column.kind, source)


def checked(raw: Raw, kind: ColumnKind, source: str) -> Float64[np.ndarray, " N"]:
    """The values of a column of numbers, if they are of the kind."""
    if raw.words is not None:
        raise InputError(
            f"column {raw.name!r} of {source} was to be {kind}, but holds text such as {raw.words[0]!r}; "
            "mend those cells, or say --columns NAME categorical"
        )
    values = raw.numbers
    bad = np.flatnonzero(~fits(values, kind))
    if len(bad):
        raise InputError(
            f"column {raw.name!r} of {source} was to be {kind}, but row {bad[0]} (counting from 0) holds "
            f"{as_text(values[bad[0]])}{f', and {len(bad) - 1:,} others do not fit' if len(bad) > 1 else ''}; "
            "mend them or choose another kind with --columns NAME KIND"
        )
    return values


def fits(values: Float64[np.ndarray, " N"], kind: ColumnKind) -> np.ndarray:
    """Which numbers a kind can be."""
    if kind == "binary":
        return (values == 0) | (values == 1)
    return (values >= 0) & (values == np.rint(values)) if kind == "counts" else np.isfinite(values)


def categories_of(raw: Raw) -> tuple[str, ...]:
    """The different values: text in alphabetical order, numbers by size."""
    return tuple(sorted(raw.words)) if raw.words is not None else texts(np.unique(raw.numbers))


def coded(raw: Raw, column: Column, source: str) -> Float64[np.ndarray, " N"]:
    """The place of each value among the categories.

    Raises:
        InputError: If a value is none of them.
    """
    if raw.words is None:
        numbers, places = np.unique(raw.numbers, return_inverse=True)
        words: Sequence[str] = texts(numbers)
    else:
        words, places = raw.words, raw.numbers.astype(np.intp)
    known = {category: code for code, category in enumerate(column.categories)}
    codes = np.array([known.get(word, -1) for word in words], np.float64)[places]
    refuse_unseen(raw, [words[place] for place in places[codes < 0]], column, source)
    return codes


def refuse_unseen(raw: Raw, unseen: Sequence[str], column: Column, source: str) -> None:
    """A category that the model has never seen has no probability."""
    if unseen:
        different = listing([repr(printable(word)) for word in dict.fromkeys(unseen)])
        raise InputError(
            f"column {raw.name!r} of {source} holds {different} in {plural(len(unseen), 'row')}, "
            f"which the model has not seen; it knows {listing(column.categories, 10)}"
        )


def refuse_identifier(raw: Raw, source: str) -> None:
    """Text that hardly repeats tells one row from another, and nothing about any of them."""
    if raw.words is None:
        return
    rows, different = len(raw.numbers), len(raw.words)
    if different > MOST_CATEGORIES or (different == rows >= IDENTIFIER_ROWS):
        raise InputError(
            f"column {raw.name!r} of {source} has {different:,} different texts in {rows:,} rows, which is an "
            f"identifier rather than categories; leave it out with --drop {raw.name!r}, "
            f"or say --columns {raw.name!r} categorical"
        )


def texts(numbers: Float64[np.ndarray, " K"]) -> tuple[str, ...]:
    """Numbers as the names of categories."""
    return tuple(as_text(number) for number in numbers)


def as_text(number: float) -> str:
    """`3` for 3.0, `0.5` for 0.5."""
    return str(int(number)) if number == int(number) else repr(float(number))


def is_textual(column: Column) -> bool:
    """Whether the categories are more than numbers, so that `01` must not be read as 1."""
    return column.kind == "categorical" and not all(is_numeral(category) for category in column.categories)


def is_numeral(category: str) -> bool:
    """Whether a category is the name that a number would have."""
    try:
        return as_text(float(category)) == category
    except (ValueError, OverflowError):
        return False


def is_bits(values: Float64[np.ndarray, " N"]) -> bool:
    """Whether there are only 0 and 1."""
    return bool(fits(values, "binary").all())


def is_whole(values: Float64[np.ndarray, " N"]) -> bool:
    """Whether there are only whole numbers."""
    return bool((values == np.rint(values)).all())


def advice(raws: Iterable[Raw], columns: Iterable[Column], asked: Iterable[str]) -> list[str]:
    """What a person should know about the columns, one sentence each.

    Args:
        raws: The columns as they came.
        columns: What they were taken for.
        asked: Names of those whose kind was given.
    """
    told = [sentence for raw in raws for sentence in about_values(raw)]
    chosen = [column for column in columns if column.name not in set(asked)]
    by_name = {raw.name: raw for raw in raws}
    codes = [repr(column.name) for column in chosen if is_ambiguous(by_name[column.name], column)]
    if codes:
        told.append(
            f"The whole numbers of {listing(codes)} could be counts or codes of categories: those whose variance is at "
            "least their mean were taken as counts; --columns NAME KIND says otherwise."
        )
    return told


def is_ambiguous(raw: Raw, column: Column) -> bool:
    """Whether few different whole numbers were taken for counts, or for categories."""
    return raw.words is None and column.kind in ("counts", "categorical") and len(np.unique(raw.numbers)) <= FEW


def about_values(raw: Raw) -> Iterable[str]:
    """A column that is no measurement: it counts the rows, or never changes."""
    values = raw.numbers
    if raw.words is not None or len(values) < 3:
        return
    steps = np.diff(values)
    if (steps == 1).all() or (raw.name.lower() in INDEX_NAMES and is_whole(values) and (steps > 0).all()):
        yield f"Column {raw.name!r} only numbers the rows; leave it out with --drop {raw.name!r}."
    if not steps.any() and not is_whole(values):
        yield (
            f"Column {raw.name!r} never changes, so its density has no upper bound; leave it out with "
            f"--drop {raw.name!r}."
        )
