"""Which numbers or dates the texts of a column say, where they can be read in more than one way.

    1,234   1.234    thousands, or decimals: as in the columns that can be read in one way; else as in English
    03/04/2019       a day of April or of March: likewise; else of April
    +4930111         a telephone number, where all cells have a plus: text, and so are 90E6 and identifiers of 19 digits
    20191224         a date, if all of at least five cells can be one

Of the formats that read a column, the one that reads most cells is taken; of equal ones, that which fits the rest of
the table. What was decided is said, with the option that decides otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from variate.config.schema import ColumnKind
from variate.data.schema.formats import FORMATS, PACKED, format_called
from variate.data.schema.naming import cell_called, column_called, name_called
from variate.data.schema.number_formats import FAMILIES, Format
from variate.data.schema.profiles import Profile, Reading
from variate.data.wording import list_names
from variate.errors import InputError, Option, Sentence, did_you_mean

LISTED = 10
"""Columns that a sentence names."""
NUMBERS_LOSE = {"+": "a plus", "E": "their form", "9": "the last digits"}
"""What codes would lose as numbers, by the mark that `marks_in` finds."""


PACKED_CELLS = 5
"""So many numbers of eight digits are no dates by chance: one in thirty is."""


class Resolved(NamedTuple):
    """Profiles of columns of which each can be read in one way.

    Attributes:
        profiles: The profiles, without the readings that were decided against.
        notes: What was decided.
    """

    profiles: list[Profile]
    notes: list[Sentence]


class _Choice(NamedTuple):
    """A decision between two readings of a column: their formats, and whether other columns told it."""

    name: str
    taken: Format
    other: Format
    is_told: bool
    example: str


def resolved(
    profiles: Iterable[Profile], formats: Mapping[str, str], kinds: Mapping[str, ColumnKind], source: str
) -> Resolved:
    """The profiles with one reading of each column.

    Args:
        profiles: Of all columns.
        formats: The formats that the user gave, by name.
        kinds: The kinds that the user gave.
        source: The file.

    Raises:
        InputError: If a column cannot be read in the format that the user gave.
    """
    profiles = [_in_format(own, formats[own.name], source) if own.name in formats else own for own in profiles]
    notes = list(_on_codes([own for own in profiles if own.name not in formats and own.name not in kinds]))
    profiles = [own if own.name in {*formats, *kinds} else _without_codes(own) for own in profiles]
    profiles = [_dates_or_numbers(own, own.name in kinds) for own in profiles]
    styles = {style for own in profiles for style in [_style_of(own)] if style}
    found, choices = list[Profile](), list[_Choice]()
    for own in profiles:
        chosen, choice = _chosen(own, styles)
        found.append(chosen)
        choices += [choice] if choice is not None else []
    return Resolved(found, [*_on_choices(choices), *notes])


def _in_format(own: Profile, name: str, source: str) -> Profile:
    """The profile with the reading that the user gave alone."""
    form = format_called(name)
    if form is None:
        expected = f"formats such as {list_names(list(FORMATS), LISTED)}"
        raise InputError("formats", expected, repr(name), did_you_mean(name, FORMATS))
    reading = None if own.texts is None else own.texts.readings.get(name)
    if own.texts is None or reading is None:
        remedy = Sentence("give another format, or leave out ", Option("formats"))
        got = "no text"
        if own.texts is not None:
            got = f"text such as {cell_called(min(own.texts.words or [''], key=len))}"
        raise InputError(f"{column_called(own.name)} of {source}", form.words, got, remedy)
    return own._replace(texts=own.texts._replace(readings={name: reading}))


def _best(own: Profile) -> dict[str, Reading]:
    """The readings of a column that read most cells."""
    readings = {} if own.texts is None else own.texts.readings
    most = max((reading.numbers.cells for reading in readings.values()), default=0)
    return {name: reading for name, reading in readings.items() if most and reading.numbers.cells == most}


def _style(form: Format | None) -> str:
    """The decimal mark of a format, or whether the day or the month comes first in its dates."""
    if form is None or not form.is_date:
        return "" if form is None else form.decimal
    day, month = form.name.find("%d"), form.name.find("%m")
    return "" if min(day, month) < 0 or form.name.startswith("%Y") else "day" if day < month else "month"


def _style_of(own: Profile) -> str:
    """The style that a column shows beyond doubt; "" where it shows none."""
    if own.texts is None:
        return "." if own.numbers is not None and own.numbers.cells and not own.numbers.whole and not own.native else ""
    best = _best(own)
    styles = {_style(format_called(name)) for name in best}
    shows = any(not reading.numbers.whole or set(reading.marks) - {""} for reading in best.values())
    return next(iter(styles)) if len(styles) == 1 and (shows or styles & {"day", "month"}) else ""


def _chosen(own: Profile, styles: set[str]) -> tuple[Profile, _Choice | None]:
    """The profile with one of its best readings, and the decision if they differ."""
    best = _best(own)
    if own.texts is None or len(best) < 2:
        return own, None
    by_style = {name: _style(format_called(name)) for name in best}
    pairs = ({".", ","}, {"day", "month"})
    told = next((styles & pair for pair in pairs if set(by_style.values()) <= pair), set())
    is_open = any(reading.numbers != next(iter(best.values())).numbers for reading in best.values())
    fitting = [name for name in best if by_style[name] in told] if is_open and len(told) == 1 else []
    taken = (fitting or list(best))[0]
    others = [n for n in best if by_style[n] != by_style[taken] and best[n].numbers != best[taken].numbers]
    readings = {name: one for name, one in own.texts.readings.items() if name == taken or name not in best}
    profile = own._replace(texts=own.texts._replace(readings=readings))
    if not others:
        return profile, None
    form, other = format_called(taken), format_called(others[0])
    assert form is not None
    assert other is not None
    example = min(own.texts.words or [form.write(best[taken].numbers.high[0])], key=lambda word: (-len(word), word))
    return profile, _Choice(own.name, form, other, bool(fitting), example)


def _without_codes(own: Profile) -> Profile:
    """The profile without numbers if all of its cells are codes."""
    if own.texts is None or not _code_mark(own):
        return own
    readings = {name: one for name, one in own.texts.readings.items() if name in FORMATS and FORMATS[name].is_date}
    return own._replace(texts=own.texts._replace(readings=readings))


def _dates_or_numbers(own: Profile, is_number: bool) -> Profile:
    """The profile in which cells such as 20191224 are dates, if all of them can be; else none of them is.

    Args:
        own: The profile.
        is_number: Whether the user said that they are numbers.
    """
    packed = None if own.texts is None else own.texts.readings.get(PACKED)
    if own.texts is None or packed is None or len(own.texts.readings) == 1:
        return own
    if not is_number and not packed.odd and packed.numbers.cells >= PACKED_CELLS:
        return own._replace(texts=own.texts._replace(readings={PACKED: packed}))
    readings = {name: one for name, one in own.texts.readings.items() if name != PACKED}
    return own._replace(texts=own.texts._replace(readings=readings))


def _code_mark(own: Profile) -> str:
    """The mark of codes that all cells of a column of text have; "" without one."""
    reading = None if own.texts is None else own.texts.readings.get(FAMILIES[0].name)
    if reading is None:
        return ""
    return next((mark for mark in NUMBERS_LOSE if reading.marks.get(mark) == reading.numbers.cells), "")


def _on_codes(profiles: Sequence[Profile]) -> Iterable[Sentence]:
    """A sentence on the columns that are codes, for each kind of them."""
    for mark, lost in NUMBERS_LOSE.items():
        own = [profile for profile in profiles if _code_mark(profile) == mark]
        if own:
            called = list_names([name_called(profile.name) for profile in own], LISTED)
            example = cell_called(min((own[0].texts and own[0].texts.words) or [mark]))
            said = (
                f"Every cell of {called} is like {example}; numbers would lose {lost}, so they were read as text. To "
            )
            yield Sentence(said, "read numbers, use ", Option("formats", [(own[0].name, "number")]), ".")


def _on_choices(choices: Sequence[_Choice]) -> Iterable[Sentence]:
    """A sentence for each decision between two readings, on all columns that it was made for."""
    groups: dict[tuple[str, str, bool], list[_Choice]] = {}
    for choice in choices:
        groups.setdefault((choice.taken.name, choice.other.name, choice.is_told), []).append(choice)
    for (_, _, is_told), group in groups.items():
        first = group[0]
        called = list_names([name_called(choice.name) for choice in group], LISTED)
        what, reason = _words(first, is_told)
        said = (
            f"{what.format(called=called, example=cell_called(first.example))}, {reason}. To read them otherwise, use "
        )
        yield Sentence(said, Option("formats", [(first.name, first.other.name)]), ".")


def _words(choice: _Choice, is_told: bool) -> tuple[str, str]:
    """What was decided, and why."""
    if choice.taken.is_date:
        first = "day" if _style(choice.taken) == "day" else "month"
        what = f"The dates of {{called}} ({{example}}) can be read in two ways; the {first} was taken to come first"
        return what, "as in other columns" if is_told else "though no number above 12 tells"
    mark = "point" if {choice.taken.decimal, choice.other.decimal} and "." in choice.example else "comma"
    groups = choice.taken.decimal != {"point": ".", "comma": ","}[mark]
    taken = "to group thousands" if groups else f"for decimal {mark}s"
    other = {".": "points", ",": "commas"}[choice.taken.decimal]
    reason = f"as other columns have decimal {other}" if is_told else "as in English, since no other column tells"
    what = f"The {mark}s of {{called}} ({{example}}) may be decimal {mark}s or group thousands; they were taken {taken}"
    return what, reason
