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

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from variate.config.recipe import Column, ColumnKind
from variate.data.schema.profiles import Profile, RawColumn
from variate.data.wording import FIRST, list_names, plural
from variate.errors import InputError, Option, Sentence, printable

MOST_CATEGORIES = 1000
"""Text with more different values is refused, unless the user says that it is categorical."""
IDENTIFIER_ROWS = 20
"""From this many rows on, text that never repeats is an identifier."""
LONGEST_CATEGORY = 10_000
"""Text with more characters is refused, unless the user says that it is categorical."""
DECIMAL_COMMA = re.compile(r"\s*[+-]?[\d.' ]*\d,\d+\s*")
WHOLE_NUMBER = re.compile(r"\s*[+-]?\d+\s*")
LARGEST = 1e37
"""Networks compute in float32, which ends at 3.4e38, and draws may lie beyond the data."""
NAMELESS = "(no name)"
"""A column without a name, in a list of names."""
SHOWN = 60
"""Characters of a cell, or of a column's name, that a message shows."""
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
        InputError: If it is text that is no category, unless the user says that it is.
    """
    if kind is None:
        refuse_text(found, source)
    kind = kind or tell_column_kind(found)
    if kind == "categorical":
        return Column(found.name, kind, _categories_of(found))
    if found.words is None:
        _refuse_beyond_float32(found.name, found.low, found.high, source)
    return Column(found.name, kind)


def columns_of(found: Iterable[Profile], asked: Mapping[str, ColumnKind], source: str) -> tuple[Column, ...]:
    """The columns with their kinds and categories.

    Args:
        found: Their profiles.
        asked: The kinds that the user gave, by name.
        source: The file.

    Raises:
        InputError: About all of them that cannot be used.
    """
    columns: list[Column] = []
    errors: dict[str, InputError] = {}
    for profile in found:
        try:
            columns.append(column_of(profile, asked.get(profile.name), source))
        except InputError as error:
            errors[profile.name] = error
    refuse_together(errors, source)
    return tuple(columns)


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
    argument = f"{column_called(raw.name)} of {source}"
    if raw.words is not None:
        remedy = Sentence("correct those cells, or use ", Option("columns", [(raw.name, "categorical")]))
        raise InputError(argument, f"{kind} values", f"text such as {_cell(raw.words[0])}", remedy)
    values = raw.numbers
    _refuse_beyond_float32(raw.name, float(values.min()), float(values.max()), source)
    bad = np.flatnonzero(~_fits(values, kind))
    if len(bad):
        others = f", and {len(bad) - 1:,} others that do not fit" if len(bad) > 1 else ""
        got = f"{number_name(values[bad[0]])} in row {bad[0]} (counting from 0){others}"
        remedy = Sentence("correct them, or set ", Option("columns"), " to choose another kind")
        raise InputError(argument, f"{kind} values", got, remedy)
    return values


def _refuse_beyond_float32(name: str, low: float, high: float, source: str) -> None:
    """Refuses a column of numbers with a smallest or a largest one that float32 cannot hold."""
    largest = max(low, high, key=abs)
    if abs(largest) > LARGEST:
        expected = f"numbers up to {LARGEST:g} in size, since networks compute in float32"
        remedy = Sentence("divide them by a power of ten, take logarithms, or leave them out with ", drop(name))
        raise InputError(f"{column_called(name)} of {source}", expected, f"{largest:g}", remedy)


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
        different = list_names([_cell(word) for word in dict.fromkeys(unseen)])
        raise InputError(
            f"{column_called(column.name)} of {source}",
            f"categories that the model knows: {list_names(column.categories, 10)}",
            f"{different} in {plural(len(unseen), 'row')}",
            "leave out those rows, or train a model on data with these categories",
        )


def refuse_text(found: Profile, source: str) -> None:
    """Refuses text that is no category: numbers with decimal commas, long texts, and text that hardly repeats, which
    tells one row from another, and nothing about any of them.
    """
    if found.words is None:
        return
    rows, different = found.rows, len(found.words)
    argument, expected = f"{column_called(found.name)} of {source}", "text that repeats, as categories do"
    keep = Option("columns", [(found.name, "categorical")])
    remedy = Sentence("leave it out with ", drop(found.name), ", or keep it as categories with ", keep)
    with_comma = _decimal_comma(found.words)
    if with_comma:
        got = f"decimal commas, such as {_cell(with_comma)}"
        raise InputError(argument, "numbers with a decimal point", got, Sentence("write points for commas, ", remedy))
    longest = max(map(len, found.words))
    if longest > LONGEST_CATEGORY:
        raise InputError(argument, expected, f"texts of up to {longest:,} characters", remedy)
    if different > MOST_CATEGORIES or (different == rows >= IDENTIFIER_ROWS):
        got = f"{different:,} different texts in {rows:,} rows, which looks like an identifier"
        raise InputError(argument, expected, got, remedy)


def _decimal_comma(words: Collection[str]) -> str:
    """A number with a decimal comma, where at least nine in ten texts are numbers and most of these have one; or ""."""
    if sum("," in word for word in words) < 0.45 * len(words):
        return ""
    found = [word for word in words if DECIMAL_COMMA.fullmatch(word)]
    whole = sum(WHOLE_NUMBER.fullmatch(word) is not None for word in words) if found else 0
    return min(found) if len(found) > whole and len(found) + whole >= 0.9 * len(words) else ""


def refuse_together(errors: Mapping[str, InputError], source: str) -> None:
    """Raises what is wrong with columns, as one error.

    Args:
        errors: The errors, by the names of the columns.
        source: The file.
    """
    if len(errors) == 1:
        raise next(iter(errors.values())) from None
    if errors:
        told = list_names([f"{name_called(name)} ({error.got})" for name, error in errors.items()])
        raise InputError(
            source,
            "numbers, or text that repeats, in every column",
            f"{plural(len(errors), 'column')} of something else: {told}",
            Sentence("correct these columns, or leave them out with ", drop(*errors)),
        )


def column_called(name: str) -> str:
    """`column 'age'`, `the column without a name`."""
    return f"column {_cell(name)}" if name else "the column without a name"


def name_called(name: str) -> str:
    """`'age'`, `(no name)`."""
    return _cell(name) if name else NAMELESS


def _cell(text: str) -> str:
    """A cell or a name in quotes, as a message shows it."""
    return repr(text if len(text) <= SHOWN else printable(text, SHOWN))


def drop(*names: str) -> Option:
    """The option that leaves out columns; many are not listed."""
    return Option("drop", list(names) if len(names) <= FIRST else None)


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
    notes = _value_notes(by_name.values())
    chosen = [column for column in columns if column.name not in set(asked)]
    codes = [name_called(column.name) for column in chosen if _is_ambiguous(by_name[column.name], column)]
    if codes:
        text = f"The whole numbers of {list_names(codes)} could be counts or codes of categories: columns whose "
        rule = "variance is at least their mean were taken as counts; set "
        notes.append(Sentence(text, rule, Option("columns"), " to choose other kinds."))
    return notes


def _is_ambiguous(found: Profile, column: Column) -> bool:
    """Whether few different whole numbers were taken as counts, or as categories."""
    return column.kind in ("counts", "categorical") and found.different is not None


def _value_notes(found: Iterable[Profile]) -> list[str]:
    """Columns that measure nothing: they count the rows, or never change."""
    counters, constants = [], []
    for column in found:
        if column.words is not None or column.rows < 3:
            continue
        least, most = column.steps
        if least == most == 1 or (column.name.lower() in INDEX_NAMES and column.whole and least > 0):
            counters.append(column.name)
        if least == most == 0 and not column.whole:
            constants.append(column.name)
    notes: list[str] = []
    if counters:
        what = "only numbers the rows" if len(counters) == 1 else "only number the rows"
        notes.append(_to_drop(counters, what))
    if constants:
        what = "never changes, so its density has" if len(constants) == 1 else "never change, so their density has"
        notes.append(_to_drop(constants, f"{what} no upper bound"))
    return notes


def _to_drop(names: Sequence[str], what: str) -> Sentence:
    """`Column 'a' WHAT; leave it out with drop=['a'].`"""
    if len(names) == 1:
        called, it = column_called(names[0]), "it"
    else:
        called, it = f"columns {list_names([name_called(name) for name in names])}", "them"
    return Sentence(f"{called[0].upper()}{called[1:]} {what}; leave {it} out with ", drop(*names), ".")
