"""What was decided about columns of text: a sentence each, with the option that decides otherwise."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping

from variate.config.schema import Aside, Column
from variate.data.schema.as_numbers import ZEROS_FIRST
from variate.data.schema.columns import Decided
from variate.data.schema.formats import FORMATS, MARKERS, formats_of, numbers_in
from variate.data.schema.naming import cell_called, name_called
from variate.data.schema.number_formats import Format
from variate.data.schema.profiles import FEW, FIRST_WORDS, Profile, TextProfile
from variate.data.wording import list_names, plural
from variate.errors import Option, Sentence

LISTED = 10
"""Columns and categories that a sentence names."""
NUMBER_WITHIN = r"[0-9](?:[0-9.,']*[0-9])?"
AROUND = re.compile(rf"[^0-9A-Za-z]*{NUMBER_WITHIN}(?:[^0-9A-Za-z]*|[^0-9]{{2,}})")
"""A number with something around it that is no single letter, as codes have."""
TOTALS = frozenset(["total", "totals", "grand total", "sum", "gesamt", "summe", "insgesamt", "total général", "totale"])
"""What stands beside the sums of a table, in small letters."""
MOST = 0.9
"""Share of the different values of a column that have such a form."""
MEANT = frozenset(["none", "nil", "void", "x", "*", "_", "#"])
"""Markers of gaps that are as likely names of categories."""
INVISIBLE = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")
"""Characters that are not seen."""


def on_texts(profiles: Mapping[str, Profile], own: Iterable[Decided]) -> Iterator[str]:
    """One sentence for each column of text most of whose cells are numbers, numbers with something else, or dates.

    Args:
        profiles: The profiles of the columns, by name.
        own: Columns whose cells are text, and whose kind was told from them.
    """
    for name, texts in ((column.name, profiles[column.name].texts) for column in own if _is_text(column)):
        assert texts is not None
        odd, cells = _odd_in_numbers(texts)
        words = list(texts.words or ())
        if len(dates := _dates_among(words[:FIRST_WORDS])) > 1:
            said = f"{name_called(name)} was taken for text, since its cells are dates in several forms, such as "
            yield f"{said}{list_names(list(map(cell_called, dates)), LISTED)}; dates of one form are read as dates."
        elif odd:
            number = f"{sum(odd.values()):,} of its {cells:,} cells"
            said = f"{name_called(name)} was taken for text, since {number} are no numbers: {counted(odd)}. "
            means = "If that means a missing value" if len(odd) == 1 else "If these mean missing values"
            yield Sentence(f"{said}{means}, use ", Option("missing", list(odd)), ".")
        elif len(words) > FEW:
            yield from _on_what_is_around(name, words)


def _on_what_is_around(name: str, words: list[str]) -> Iterator[str]:
    """A sentence on a column of many texts that are numbers with something around them."""
    around = [word for word in words if AROUND.fullmatch(word)]
    examples = [word for word in around if not re.fullmatch(NUMBER_WITHIN, word)]
    if examples and len(around) >= MOST * len(words):
        example = f"most cells are numbers with something around them, such as {cell_called(examples[0])}"
        rule = "where it is the same in all cells, they are read as numbers"
        yield f"{name_called(name)} was taken for text, though {example}; {rule}."


def _dates_among(words: list[str]) -> list[str]:
    """A text of each form of dates that is needed to read most of some texts; none where they are no dates."""
    left, found = words, []
    forms = [FORMATS[name] for name in formats_of(words) if name in FORMATS and FORMATS[name].is_date]
    while forms and len(left) > (1 - MOST) * len(words):
        best = min((_unread(left, form) for form in forms), key=len)
        if len(best) == len(left):
            return []
        unread = set(best)
        found.append(next(word for word in left if word not in unread))
        left = best
    return found


def _unread(words: list[str], form: Format) -> list[str]:
    """The texts that are not of a form."""
    return [word for word, number in zip(words, numbers_in(words, form), strict=True) if math.isnan(number)]


def _is_text(own: Decided) -> bool:
    """Whether a column is categories, or was set aside, because it is text."""
    if isinstance(own, Aside):
        return own.kind in ("text", "identifier") and own.format is None
    return own.kind == "categorical" and not own.format


def _odd_in_numbers(texts: TextProfile) -> tuple[Mapping[str, int], int]:
    """Texts that keep a column from being numbers, with the number of their cells; and the number of all cells."""
    best = max(texts.readings.values(), key=lambda reading: reading.numbers.cells, default=None)
    if best is None or any(map(ZEROS_FIRST.fullmatch, best.odd)):
        return {}, 0
    cells = sum(best.odd.values()) + best.numbers.cells
    return (best.odd, cells) if 2 * best.numbers.cells >= cells else ({}, cells)


def counted(words: Mapping[str, int]) -> str:
    """Values with the number of their cells."""
    return list_names([f"{cell_called(word)} ({count:,})" for word, count in sorted(words.items())])


def on_categories(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """Sentences on categories that may be none of their own: other spellings, rows of totals, names of columns.

    Args:
        profiles: The profiles of the columns, by name.
        columns: What they were taken for.
    """
    yield from _on_spellings(_categories(profiles, columns))
    yield from _on_names(profiles)


def _categories(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> dict[str, Mapping[str, int]]:
    """The texts of the columns of categories, with the number of their cells."""
    return {
        name: found.words
        for name, column in columns.items()
        if column.kind == "categorical" and not column.format and not column.blank
        if (found := profiles[name].texts) is not None and found.words is not None
    }


def _on_spellings(columns: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """One sentence for each column with categories that are spelled in several ways, or with a row of totals."""
    for name, cells in columns.items():
        spellings: dict[str, list[str]] = {}
        for word in sorted(cells):
            spellings.setdefault(" ".join(INVISIBLE.sub("", word).casefold().split()), []).append(word)
        several = sorted((words for words in spellings.values() if len(words) > 1), key=len, reverse=True)
        same = [list_names(list(map(cell_called, words)), LISTED) for words in several]
        if same:
            more = f", and {plural(len(same) - 1, 'other')}" if len(same) > 1 else ""
            said = f"Categories of {name_called(name)} that differ only in capitals or blanks"
            yield f"{said} are kept apart: {same[0]}{more}."
        totals = [word for word, count in cells.items() if count == 1 and word.strip().casefold() in TOTALS]
        if totals and len(cells) > 2:
            row = f"One row has {cell_called(totals[0])} in {name_called(name)}"
            yield f"{row}; if its numbers are sums of the other rows, remove it."


def _on_names(profiles: Mapping[str, Profile]) -> Iterator[str]:
    """A sentence on columns that have their own name in a cell, as files have that were joined with their headers."""
    texts = {name: profile.texts for name, profile in profiles.items() if profile.texts is not None}
    again = [name for name, found in texts.items() if name and found.words is not None and name in found.words]
    if len(again) > 1:
        called = list_names(list(map(name_called, again)), LISTED)
        yield f"The names of the columns stand among the cells of {called}; if their line is repeated, remove it there."


def on_markers(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence on categories that would mark a gap in a column of numbers. Arguments as for `on_categories`."""
    found = {
        name: {word: count for word, count in cells.items() if word.strip().lower() in MARKERS - MEANT}
        for name, cells in _categories(profiles, columns).items()
    }
    told = [f"{counted(words)} in {name_called(name)}" for name, words in found.items() if words]
    if told:
        marks = list(dict.fromkeys(word for words in found.values() for word in words))
        said = f"Taken for categories of their own: {list_names(told, LISTED)}; if that means a missing value, use "
        yield Sentence(said, Option("missing", marks), ".")
