"""What a column of a table is, told from its type and all of its values.

Numbers, whatever their type:

    only 0 and 1                                       binary
    whole, none negative, variance >= mean             counts
    whole, at most 20 different, otherwise             categorical
    all others                                         real

The bound on the variance is a theorem: whatever the decoder, a mixture of Poisson (or negative binomial) distributions
has Var x = E[Var(x|z)] + Var(E[x|z]) >= E[E(x|z)] = E x. Whole numbers that vary less, such as years and grades, cannot
be modelled as counts.

Text is numbers or dates if one of `variate.data.schema.formats` reads its cells: all but those that mark a gap, or all
but one in twenty. Else it is categorical; the rarest of more than 256 categories are pooled.

A column that says nothing about a row is set aside (`Aside`): it is empty, never changes, numbers the rows, or is text
that hardly repeats. A column of ticks, which has one value or none, has two categories. A kind that the user gives
comes before all of this.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from variate.config.schema import LARGEST, Aside, AsideKind, Column, ColumnKind
from variate.data.schema.as_numbers import Numbers, atoms_of, is_date, numbers_told, step_of
from variate.data.schema.formats import INEXACT
from variate.data.schema.naming import column_called, drop, name_called
from variate.data.schema.number_formats import NUMBER, is_number_name, number_text
from variate.data.schema.profiles import NumberProfile, Profile
from variate.data.wording import list_names, plural
from variate.errors import InputError, Option, Sentence

MOST_CATEGORIES = 256
"""Categories of a column that have a code of their own, with the one for all others."""
OTHER = "other"
"""The category of those that are pooled."""
IDENTIFIER_ROWS = 20
"""From this many rows on, text that hardly repeats is set aside."""
LONGEST_CATEGORY = 10_000
"""Text with more characters is set aside, unless the user says that it is categorical."""
BLANK_SHARE = 0.05
"""Share of empty cells from which on a column with one value is ticks: whether it is there says something."""
INDEX_NAMES = ("", "id", "index", "unnamed: 0", "__index_level_0__", "rowid", "row")

Decided = Column | Aside


class Listed(NamedTuple):
    """Categories that the data list themselves, whether or not a cell has them.

    Attributes:
        names: The categories in their order; numbers as `number_text` writes them.
        ordered: Whether the order means something.
        of_text: Whether they are text.
    """

    names: tuple[str, ...]
    ordered: bool
    of_text: bool


def decide(found: Profile, kind: ColumnKind | None, place: int, source: str, listed: Listed | None = None) -> Decided:
    """What a column is.

    Args:
        found: Its profile, with every different value where the user says that it is categorical.
        kind: The kind that the user gave; None tells it from the values.
        place: Its place among all columns.
        source: The file.
        listed: The categories that the data list for it.

    Raises:
        InputError: If its numbers are too large, or cannot be of the kind that the user gave.
    """
    numbers = numbers_told(found)
    if kind is not None:
        return _as_asked(found, numbers, kind, source, listed)
    aside = _aside(found, numbers)
    if aside == "constant" and (ticks := _ticks(found, numbers)) is not None:
        return ticks
    if aside is not None:
        return _set_aside(found, numbers, aside, place)
    if listed is not None:
        return _as_listed(found, listed)
    if numbers is None:
        return _categorical(found)
    _refuse_beyond_float32(found.name, numbers.profile, source)
    told: ColumnKind = "real" if is_date(numbers.format) else _kind_of(numbers.profile)
    return _of_numbers(found, told, numbers)


def decide_all(
    found: Iterable[Profile],
    asked: Mapping[str, ColumnKind],
    places: Mapping[str, int],
    source: str,
    listed: Mapping[str, Listed] = MappingProxyType({}),
) -> tuple[Decided, ...]:
    """What each column is.

    Args:
        found: The profiles.
        asked: The kinds that the user gave, by name.
        places: The places of the columns among all, by name.
        source: The file.
        listed: The categories that the data list themselves, by name.

    Raises:
        InputError: About all of them that cannot be used; or if none is left to model.
    """
    decided: list[Decided] = []
    errors: dict[str, InputError] = {}
    for profile in found:
        try:
            name = profile.name
            decided.append(decide(profile, asked.get(name), places[name], source, listed.get(name)))
        except InputError as error:
            errors[profile.name] = error
    refuse_together(errors, source)
    if not any(isinstance(column, Column) for column in decided):
        asides = (own for own in decided if isinstance(own, Aside))
        got = list_names([f"{name_called(own.name)} ({aside_words(own)})" for own in asides])
        remedy = Sentence("give columns that vary and repeat, or set their kinds with ", Option("columns"))
        raise InputError(source, "a column that says something about a row", got, remedy)
    return tuple(decided)


ASIDE_WORDS: dict[AsideKind, str] = {
    "empty": "no value in any row",
    "constant": "no second value in any row",
    "counter": "only numbers the rows",
    "identifier": "a text of its own in every row",
    "text": "texts that hardly repeat",
}
"""Why a column is set aside."""


def aside_words(own: Aside) -> str:
    """Why a column is set aside."""
    is_large = own.kind == "identifier" and own.format is not None
    return "whole numbers beyond 2^53, as identifiers have" if is_large else ASIDE_WORDS[own.kind]


def _kind_of(numbers: NumberProfile) -> ColumnKind:
    """The kind of numbers, by the rules above."""
    if numbers.bits:
        return "binary"
    if not numbers.whole:
        return "real"
    if numbers.low[0] >= 0 and numbers.is_overdispersed:
        return "counts"
    return "categorical" if numbers.different is not None else "real"


def _ticks(found: Profile, numbers: Numbers | None) -> Column | None:
    """A column that has one value, or none, as two categories; None where too few cells are empty."""
    own = found.texts if numbers is None else numbers.profile
    assert own is not None
    if found.rows - own.cells < BLANK_SHARE * found.rows:
        return None
    if found.texts is not None and found.texts.words is not None and len(found.texts.words) == 1:
        form, (value,) = "", found.texts.words
    else:
        assert numbers is not None
        form, value = numbers.format or NUMBER.name, number_text(numbers.profile.low[0])
    return Column(found.name, "categorical", ("", value), format=form, blank=True) if value else None


def _aside(found: Profile, numbers: Numbers | None) -> AsideKind | None:
    """Why a column is set aside, if it is."""
    if found.missing == found.rows:
        return "empty"
    if numbers is not None:
        if numbers.format == INEXACT:
            return "identifier"
        if numbers.profile.is_constant and found.rows > 1:
            return "constant"
        in_every_row = numbers.profile.cells == found.rows > 2 and not is_date(numbers.format)
        return "counter" if in_every_row and _counts_rows(found.name, numbers.profile) else None
    assert found.texts is not None
    texts = found.texts
    different = None if texts.words is None else len(texts.words)
    if different == 1 and found.rows > 1:
        return "constant"
    if texts.cells >= IDENTIFIER_ROWS and different == texts.cells:
        return "identifier"
    repeats = different is not None and (texts.cells < IDENTIFIER_ROWS or 2 * different <= texts.cells)
    return None if repeats and texts.longest <= LONGEST_CATEGORY else "text"


def _counts_rows(name: str, numbers: NumberProfile) -> bool:
    """Whether numbers only number the rows."""
    least, most = numbers.steps
    return numbers.whole and (least == most == 1 or (name.lower() in INDEX_NAMES and least > 0))


def _set_aside(found: Profile, numbers: Numbers | None, kind: AsideKind, place: int) -> Aside:
    value, form = "", None if kind == "empty" or numbers is None else numbers.format
    if kind == "constant" and numbers is not None:
        value = number_text(numbers.profile.low[0])
    elif kind == "constant":
        assert found.texts is not None
        assert found.texts.words is not None
        (value,) = found.texts.words
    return Aside(found.name, kind, place, value, form)


def _categorical(found: Profile) -> Column:
    """A column of text as categories, the rarest of many pooled."""
    assert found.texts is not None
    assert found.texts.words is not None
    words, gaps = found.texts.words, found.missing > 0
    if len(words) <= MOST_CATEGORIES:
        return Column(found.name, "categorical", tuple(sorted(words)), gaps=gaps)
    frequent = sorted(words, key=lambda word: (-words[word], word))[: MOST_CATEGORIES - 1]
    other = OTHER if OTHER not in frequent else f"({OTHER})"
    return Column(found.name, "categorical", (*sorted(frequent), other), gaps=gaps, pooled=True)


def _as_listed(found: Profile, listed: Listed) -> Column:
    """A column with the categories that the data list, also those that no cell has."""
    said_numbers = listed.of_text and all(map(is_number_name, listed.names))
    form = NUMBER.name if said_numbers else ""  # so that they are text again in what is written
    gaps = found.missing > 0
    return Column(found.name, "categorical", listed.names, form, gaps, ordered=listed.ordered)


def _as_asked(found: Profile, numbers: Numbers | None, kind: ColumnKind, source: str, listed: Listed | None) -> Column:
    """A column of the kind that the user gave."""
    gaps = found.missing > 0
    if numbers is not None and numbers.format == INEXACT:
        got = "numbers beyond 2^53, more likely an identifier than a quantity"
        remedy = Sentence("leave it out with ", drop(found.name))
        raise InputError(f"{column_called(found.name)} of {source}", "whole numbers up to 2^53", got, remedy)
    if kind == "categorical":
        if listed is not None:
            return _as_listed(found, listed)
        if found.texts is not None:
            assert found.texts.words is not None
            return Column(found.name, kind, tuple(sorted(found.texts.words)), gaps=gaps)
        assert found.numbers is not None
        return Column(found.name, kind, _names(found.numbers), format=found.native, gaps=gaps)
    if numbers is None:
        assert found.texts is not None
        texts = found.texts.words or ()
        remedy = Sentence("correct those cells, or use ", Option("columns", [(found.name, "categorical")]))
        got = f"text such as {name_called(min(texts, default=''))}"
        raise InputError(f"{column_called(found.name)} of {source}", f"{kind} values", got, remedy)
    _refuse_beyond_float32(found.name, numbers.profile, source)
    return _of_numbers(found, kind, numbers)


def _of_numbers(found: Profile, kind: ColumnKind, numbers: Numbers) -> Column:
    """A column of numbers, with its range and its grid where it is of quantities."""
    own, gaps = numbers.profile, found.rows > numbers.profile.cells
    if kind == "categorical":
        return Column(found.name, kind, _names(own), format=numbers.format, gaps=gaps)
    if kind == "binary" or not own.cells:
        return Column(found.name, kind, format=numbers.format, gaps=gaps)
    step, (low, *_), (high, *_) = step_of(own), own.low, own.high
    atoms = () if step else atoms_of(own)
    return Column(found.name, kind, (), numbers.format, gaps, step=step, low=low, high=high, atoms=atoms)


def _refuse_beyond_float32(name: str, numbers: NumberProfile, source: str) -> None:
    """Refuses a column of numbers with a smallest or a largest one that float32 cannot hold."""
    largest = max(numbers.low[0], numbers.high[0], key=abs)
    if numbers.cells and abs(largest) > LARGEST:
        expected = f"numbers up to {LARGEST:g} in size, since networks compute in float32"
        remedy = Sentence("divide them by a power of ten, take logarithms, or leave them out with ", drop(name))
        raise InputError(f"{column_called(name)} of {source}", expected, f"{largest:g}", remedy)


def _names(numbers: NumberProfile) -> tuple[str, ...]:
    """The different numbers by size, as the names of categories."""
    return tuple(number_text(number) for number in sorted(numbers.different or ()))


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
            "numbers, dates or text in every column",
            f"{plural(len(errors), 'column')} of something else: {told}",
            Sentence("correct these columns, or leave them out with ", drop(*errors)),
        )
