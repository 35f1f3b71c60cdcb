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

import numpy as np
from jaxtyping import Float64

from variate.config.recipe import Column, ColumnKind
from variate.data.schema.profiles import Profile, Raw
from variate.data.wording import listing, plural, printable
from variate.errors import InputError

MOST_CATEGORIES = 1000
"""Text with more different values is refused, unless it was said to be categorical."""
IDENTIFIER_ROWS = 20
"""From this many rows on, text that never repeats is an identifier."""
INDEX_NAMES = ("", "id", "index", "unnamed: 0", "__index_level_0__", "rowid", "row")


def tell_column(column: Profile) -> ColumnKind:
    """What the column is, by the rule above."""
    if column.words is not None:
        return "categorical"
    if column.bits:
        return "binary"
    if not column.whole:
        return "real"
    if column.low >= 0 and column.is_overdispersed:
        return "counts"
    return "categorical" if column.different is not None else "real"


def described(found: Profile, kind: ColumnKind | None, source: str) -> Column:
    """The column as its values have it.

    Args:
        found: Its profile, with every different number where it was said to be categorical.
        kind: What it was said to be, if it was.
        source: The file.

    Raises:
        InputError: If it is text that never repeats.
    """
    if kind is None:
        refuse_identifier(found, source)
    told = kind or tell_column(found)
    return Column(found.name, told, categories_of(found) if told == "categorical" else ())


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


def misfits(values: Float64[np.ndarray, " N"], column: Column) -> np.ndarray:
    """Positions of the numbers that a column cannot hold; categories are codes 0 .. K-1."""
    if column.kind != "categorical":
        return np.flatnonzero(~fits(values, column.kind))
    return np.flatnonzero(~(fits(values, "counts") & (values < len(column.categories))))


def categories_of(found: Profile) -> tuple[str, ...]:
    """The different values: text in alphabetical order, numbers by size."""
    return tuple(sorted(found.words)) if found.words is not None else texts(sorted(found.different or ()))


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


def refuse_identifier(found: Profile, source: str) -> None:
    """Text that hardly repeats tells one row from another, and nothing about any of them."""
    if found.words is None:
        return
    rows, different = found.rows, len(found.words)
    if different > MOST_CATEGORIES or (different == rows >= IDENTIFIER_ROWS):
        raise InputError(
            f"column {found.name!r} of {source} has {different:,} different texts in {rows:,} rows, which is an "
            f"identifier rather than categories; leave it out with --drop {found.name!r}, "
            f"or say --columns {found.name!r} categorical"
        )


def texts(numbers: Iterable[float]) -> tuple[str, ...]:
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


def advice(found: Iterable[Profile], columns: Iterable[Column], asked: Iterable[str]) -> list[str]:
    """What a person should know about the columns, one sentence each.

    Args:
        found: The columns as they came.
        columns: What they were taken for.
        asked: Names of those whose kind was given.
    """
    by_name = {profile.name: profile for profile in found}
    told = [sentence for profile in by_name.values() for sentence in about_values(profile)]
    chosen = [column for column in columns if column.name not in set(asked)]
    codes = [repr(column.name) for column in chosen if is_ambiguous(by_name[column.name], column)]
    if codes:
        told.append(
            f"The whole numbers of {listing(codes)} could be counts or codes of categories: those whose variance is at "
            "least their mean were taken as counts; --columns NAME KIND says otherwise."
        )
    return told


def is_ambiguous(found: Profile, column: Column) -> bool:
    """Whether few different whole numbers were taken for counts, or for categories."""
    return column.kind in ("counts", "categorical") and found.different is not None


def about_values(found: Profile) -> Iterable[str]:
    """A column that is no measurement: it counts the rows, or never changes."""
    if found.words is not None or found.rows < 3:
        return
    least, most = found.steps
    if least == most == 1 or (found.name.lower() in INDEX_NAMES and found.whole and least > 0):
        yield f"Column {found.name!r} only numbers the rows; leave it out with --drop {found.name!r}."
    if least == most == 0 and not found.whole:
        yield (
            f"Column {found.name!r} never changes, so its density has no upper bound; leave it out with "
            f"--drop {found.name!r}."
        )
