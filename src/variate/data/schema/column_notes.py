"""What was decided about the columns of a table: a sentence each, with the option that decides otherwise."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from variate.config.schema import Aside, Column
from variate.data.schema.as_numbers import is_date, numbers_told
from variate.data.schema.columns import Decided, aside_words
from variate.data.schema.formats import INEXACT, format_called
from variate.data.schema.naming import cell_called, drop, name_called
from variate.data.schema.number_formats import NUMBER, number_text
from variate.data.schema.number_notes import on_identifiers, on_sentinels
from variate.data.schema.profiles import Profile
from variate.data.schema.text_notes import counted, on_categories, on_markers, on_texts
from variate.data.wording import list_names, plural
from variate.errors import Option, Sentence

LISTED = 10
"""Columns that a sentence names."""


def column_notes(found: Iterable[Profile], decided: Iterable[Decided], asked: Collection[str]) -> list[str]:
    """What the user should know about the columns, one sentence each.

    Args:
        found: The profiles of the columns.
        decided: What they were taken for.
        asked: Names of the columns whose kind the user gave.
    """
    profiles = {profile.name: profile for profile in found}
    columns = {own.name: own for own in decided if isinstance(own, Column)}
    asides = [own for own in decided if isinstance(own, Aside)]
    chosen = {name: column for name, column in columns.items() if name not in asked}
    return [
        *_on_asides(asides),
        *_on_ticks(profiles, columns),
        *_on_formats(profiles, columns),
        *_on_grids(columns),
        *_on_odd_cells(profiles, columns),
        *on_texts(profiles, [own for own in decided if own.name not in asked and profiles[own.name].texts]),
        *_on_gaps(profiles, columns),
        *on_sentinels(profiles, chosen),
        *_on_pooled(profiles, columns),
        *_on_unused(profiles, columns),
        *on_categories(profiles, columns),
        *on_markers(profiles, chosen),
        *_on_codes(profiles, chosen),
        *on_identifiers(chosen),
    ]


def _on_asides(asides: Sequence[Aside]) -> Iterator[str]:
    """One sentence on all columns that are set aside."""
    if not asides:
        return
    told = [
        f"{list_names([name_called(own.name) for own in asides if aside_words(own) == reason], LISTED)} ({reason})"
        for reason in dict.fromkeys(map(aside_words, asides))
    ]
    said = f"Set aside, since a model learns nothing from {'it' if len(asides) == 1 else 'them'}: {'; '.join(told)}."
    usable = [own for own in asides if own.format != INEXACT and own.kind != "empty"]
    if not usable:
        yield said
        return
    keep = Option("columns", [(usable[0].name, "categorical" if usable[0].format is None else "real")])
    yield Sentence(f"{said} To model such a column give its kind, as in ", keep, ".")


def _on_ticks(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence for each column that has one value or none."""
    for name, column in columns.items():
        if column.blank:
            share = f"{_missing(profiles[name], column):,} of {profiles[name].rows:,}"
            said = (
                f"Empty cells of {name_called(name)} ({share}), whose only value is {cell_called(column.categories[1])}"
            )
            yield Sentence(f"{said}, were taken for a category of their own; to leave it out, use ", drop(name), ".")


def _on_formats(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence for each way of writing numbers and dates that is no plain number."""
    for form in dict.fromkeys(column.format for column in columns.values()):
        own = format_called(form)
        if own is None or own == NUMBER:
            continue
        names = [name for name, column in columns.items() if column.format == form]
        keep = Option("columns", [(names[0], "categorical")])
        told = list_names([name_called(name) for name in names], LISTED)
        yield Sentence(f"Read as {own.words}: {told}; to take them as text, use ", keep, ".")


def _on_grids(columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence on the grids and the atoms of quantities that samples will keep."""
    told = []
    steps = {name: column.step for name, column in columns.items() if column.step and not is_date(column.format)}
    for step in dict.fromkeys(steps.values()):
        names = list_names([name_called(name) for name, own in steps.items() if own == step], LISTED)
        told.append(f"{names} ({number_text(step)})")
    for name, column in columns.items():
        if column.atoms:
            told.append(f"{name_called(name)} (often {list_names([number_text(x) for x in column.atoms])})")
    if told:
        yield f"Samples keep the ranges of numbers and their steps: {'; '.join(told)}."


def _on_odd_cells(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence for each column of numbers with texts that were taken for gaps."""
    for name, column in columns.items():
        numbers = numbers_told(profiles[name]) if format_called(column.format) is not None else None
        if numbers is not None and numbers.taken:
            cells = (f"{cell_called(word)} ({plural(count, 'cell')})" for word, count in numbers.taken.items())
            told = list_names(list(cells))
            yield Sentence(
                f"Taken for missing in {name_called(name)}, a column of numbers or dates: {told}; to keep them as "
                "categories, use ",
                Option("columns", [(name, "categorical")]),
                ".",
            )


def _on_gaps(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence on the missing cells of all columns."""
    gaps = {name: _missing(profiles[name], column) for name, column in columns.items() if column.gaps}
    if gaps:
        yield gaps_note(gaps, next(iter(profiles.values())).rows)


def gaps_note(gaps: Mapping[str, int], rows: int) -> str:
    """A sentence on missing cells.

    Args:
        gaps: Their number in each column, by its name.
        rows: Number of rows.
    """
    some = {name: number for name, number in gaps.items() if number}
    told = list_names([f"{name_called(name)} ({number:,})" for name, number in some.items()], LISTED)
    return f"Missing cells in {plural(len(some), 'column')} of {rows:,} rows: {told}; all others are used."


def unseen_notes(unseen: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A sentence for each column with categories that the model has never seen.

    Args:
        unseen: Such categories with the number of their cells, by the names of the columns.
    """
    return [
        f"The model has never seen these values of {name_called(name)}: {counted(words)}; such a cell is improbable, "
        "and for the rest of its row it counts as missing."
        for name, words in unseen.items()
        if words
    ]


def _missing(profile: Profile, column: Column) -> int:
    numbers = numbers_told(profile) if format_called(column.format) is not None else None
    return profile.missing if numbers is None else profile.rows - numbers.profile.cells


def _on_pooled(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence for each column whose rarest categories are pooled."""
    for name, column in columns.items():
        if column.pooled:
            texts = profiles[name].texts
            assert texts is not None
            own = len(column.categories) - 1
            yield Sentence(
                f"The {own} most frequent of the {len(texts.words or ()):,} categories of {name_called(name)} have a "
                f"code of their own; the others are {cell_called(column.categories[-1])}. To keep all, use ",
                Option("columns", [(name, "categorical")]),
                ".",
            )


def _on_unused(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence on the categories that columns list and no cell has."""
    told = []
    for name, column in columns.items():
        if column.ordered is not None:
            unused = sorted(set(column.categories) - _used(profiles[name]), key=column.categories.index)
            told += [f"{list_names([cell_called(word) for word in unused])} of {name_called(name)}"] if unused else []
    if told:
        yield f"No row has these categories, which stay possible: {'; '.join(told)}."


def _used(found: Profile) -> set[str]:
    """The different values of a column, as the names of categories."""
    if found.texts is not None:
        return set(found.texts.words or ())
    assert found.numbers is not None
    return set(map(number_text, found.numbers.different or ()))


def _on_codes(profiles: Mapping[str, Profile], columns: Mapping[str, Column]) -> Iterator[str]:
    """One sentence on whole numbers that could be counts or codes."""
    codes = [name_called(name) for name, column in columns.items() if _is_ambiguous(profiles[name], column)]
    if codes:
        text = f"The whole numbers of {list_names(codes)} could be counts or codes of categories: columns whose "
        rule = "variance is at least their mean were taken as counts; set "
        yield Sentence(text, rule, Option("columns"), " to choose other kinds.")


def _is_ambiguous(found: Profile, column: Column) -> bool:
    """Whether few different whole numbers were taken as counts, or as categories."""
    told = column.kind in ("counts", "categorical") and column.ordered is None and not column.blank
    return told and found.numbers is not None and bool(found.numbers.different)
