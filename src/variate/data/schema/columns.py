"""The kind of a column of a table, told from its type and values.

Text is categorical. Numbers, whatever their type:

    only 0 and 1                                       binary
    whole, none negative, variance >= mean             counts
    whole, at most 20 different, otherwise             categorical
    all others                                         real

The bound on the variance is a theorem: whatever the decoder, a mixture of Poisson (or negative binomial) distributions
has Var x = E[Var(x|z)] + Var(E[x|z]) >= E[E(x|z)] = E x. Whole numbers that vary less, such as years and grades, cannot
be modelled as counts.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float64

from variate.config.recipe import Column, ColumnKind
from variate.data.schema.profiles import Profile, RawColumn
from variate.data.wording import list_names, plural, printable
from variate.errors import InputError, Option, Sentence

MOST_CATEGORIES = 1000
"""Text with more different values is refused, unless the user says that it is categorical."""
IDENTIFIER_ROWS = 20
"""From this many rows on, text that never repeats is an identifier."""
INDEX_NAMES = ("", "id", "index", "unnamed: 0", "__index_level_0__", "rowid", "row")


def tell_column_kind(column: Profile) -> ColumnKind:
    """The kind of the column, by the rules above."""
    if column.words is not None:
        return "categorical"
    if column.bits:
        return "binary"
    if not column.whole:
        return "real"
    if column.low >= 0 and column.is_overdispersed:
        return "counts"
    return "categorical" if column.different is not None else "real"


def column_of(found: Profile, kind: ColumnKind | None, source: str) -> Column:
    """The column with its kind and categories.

    Args:
        found: Its profile, with every different number where the user says that it is categorical.
        kind: The kind that the user gave; None tells it from the values.
        source: The file.

    Raises:
        InputError: If it is text that never repeats.
    """
    if kind is None:
        refuse_identifier(found, source)
    kind = kind or tell_column_kind(found)
    return Column(found.name, kind, _categories_of(found) if kind == "categorical" else ())


def column_values(raw: RawColumn, column: Column, source: str) -> Float64[np.ndarray, " N"]:
    """The values as the column's kind keeps them: numbers as they are, categories as codes 0 .. K-1.

    Raises:
        InputError: If the column cannot hold one of them.
    """
    return _codes(raw, column, source) if column.kind == "categorical" else column_numbers(raw, column.kind, source)


def column_numbers(raw: RawColumn, kind: ColumnKind, source: str) -> Float64[np.ndarray, " N"]:
    """The values of a column of numbers.

    Raises:
        InputError: If one of them cannot be of the kind.
    """
    argument = f"column {raw.name!r} of {source}"
    if raw.words is not None:
        remedy = Sentence("correct those cells, or use ", Option("columns", [(raw.name, "categorical")]))
        raise InputError(argument, f"{kind} values", f"text such as {raw.words[0]!r}", remedy)
    values = raw.numbers
    bad = np.flatnonzero(~_fits(values, kind))
    if len(bad):
        others = f", and {len(bad) - 1:,} others that do not fit" if len(bad) > 1 else ""
        got = f"{number_name(values[bad[0]])} in row {bad[0]} (counting from 0){others}"
        remedy = Sentence("correct them, or set ", Option("columns"), " to choose another kind")
        raise InputError(argument, f"{kind} values", got, remedy)
    return values


def misfits(values: Float64[np.ndarray, " N"], column: Column) -> np.ndarray:
    """Positions of the numbers that a column cannot hold; categories are codes 0 .. K-1."""
    if column.kind != "categorical":
        return np.flatnonzero(~_fits(values, column.kind))
    return np.flatnonzero(~(_fits(values, "counts") & (values < len(column.categories))))


def _fits(values: Float64[np.ndarray, " N"], kind: ColumnKind) -> np.ndarray:
    """Which numbers can be of a kind."""
    if kind == "binary":
        return (values == 0) | (values == 1)
    return (values >= 0) & (values == np.rint(values)) if kind == "counts" else np.isfinite(values)


def _categories_of(found: Profile) -> tuple[str, ...]:
    """The different values: text in alphabetical order, numbers by size."""
    return tuple(sorted(found.words)) if found.words is not None else _names(sorted(found.different or ()))


def _codes(raw: RawColumn, column: Column, source: str) -> Float64[np.ndarray, " N"]:
    """The position of each value among the categories.

    Raises:
        InputError: If a value is none of them.
    """
    if raw.words is None:
        numbers, places = np.unique(raw.numbers, return_inverse=True)
        words: Sequence[str] = _names(numbers)
    else:
        words, places = raw.words, raw.numbers.astype(np.intp)
    known = {category: code for code, category in enumerate(column.categories)}
    codes = np.array([known.get(word, -1) for word in words], np.float64)[places]
    _refuse_unseen([words[place] for place in places[codes < 0]], column, source)
    return codes


def _refuse_unseen(unseen: Sequence[str], column: Column, source: str) -> None:
    """Refuses categories that the model has never seen: they have no probability."""
    if unseen:
        different = list_names([repr(printable(word)) for word in dict.fromkeys(unseen)])
        raise InputError(
            f"column {column.name!r} of {source}",
            f"categories that the model knows: {list_names(column.categories, 10)}",
            f"{different} in {plural(len(unseen), 'row')}",
            "leave out those rows, or train a model on data with these categories",
        )


def refuse_identifier(found: Profile, source: str) -> None:
    """Refuses text that hardly repeats: it tells one row from another, and nothing about any of them."""
    if found.words is None:
        return
    rows, different = found.rows, len(found.words)
    if different > MOST_CATEGORIES or (different == rows >= IDENTIFIER_ROWS):
        drop, keep = Option("drop", [found.name]), Option("columns", [(found.name, "categorical")])
        raise InputError(
            f"column {found.name!r} of {source}",
            "text that repeats, as categories do",
            f"{different:,} different texts in {rows:,} rows, which looks like an identifier",
            Sentence("leave it out with ", drop, ", or keep it as categories with ", keep),
        )


def _names(numbers: Iterable[float]) -> tuple[str, ...]:
    """Numbers as the names of categories."""
    return tuple(number_name(number) for number in numbers)


def number_name(number: float) -> str:
    """`3` for 3.0, `0.5` for 0.5."""
    return str(int(number)) if number == int(number) else repr(float(number))


def is_textual(column: Column) -> bool:
    """Whether the categories are more than numbers, so that `01` must not be read as 1."""
    return column.kind == "categorical" and not all(is_number_name(category) for category in column.categories)


def is_number_name(category: str) -> bool:
    """Whether a category is what `number_name` gives for some number."""
    try:
        return number_name(float(category)) == category
    except (ValueError, OverflowError):
        return False


def column_notes(found: Iterable[Profile], columns: Iterable[Column], asked: Iterable[str]) -> list[str]:
    """What the user should know about the columns, one sentence each.

    Args:
        found: The profiles of the columns.
        columns: What they were taken for.
        asked: Names of the columns whose kind the user gave.
    """
    by_name = {profile.name: profile for profile in found}
    notes = [note for profile in by_name.values() for note in _value_notes(profile)]
    chosen = [column for column in columns if column.name not in set(asked)]
    codes = [repr(column.name) for column in chosen if _is_ambiguous(by_name[column.name], column)]
    if codes:
        text = f"The whole numbers of {list_names(codes)} could be counts or codes of categories: columns whose "
        rule = "variance is at least their mean were taken as counts; set "
        notes.append(Sentence(text, rule, Option("columns"), " to choose other kinds."))
    return notes


def _is_ambiguous(found: Profile, column: Column) -> bool:
    """Whether few different whole numbers were taken as counts, or as categories."""
    return column.kind in ("counts", "categorical") and found.different is not None


def _value_notes(found: Profile) -> Iterable[str]:
    """A column that measures nothing: it counts the rows, or never changes."""
    if found.words is not None or found.rows < 3:
        return
    drop = Option("drop", [found.name])
    least, most = found.steps
    if least == most == 1 or (found.name.lower() in INDEX_NAMES and found.whole and least > 0):
        yield Sentence(f"Column {found.name!r} only numbers the rows; leave it out with ", drop, ".")
    if least == most == 0 and not found.whole:
        text = f"Column {found.name!r} never changes, so its density has no upper bound; leave it out with "
        yield Sentence(text, drop, ".")
