"""Profiles of columns: what must be known of a column to tell what it is.

A profile is small, and the profiles of two pieces of a column join to that of the whole, equal to the last digit. So a
table that is read in pieces gets the same columns as one in memory: sums are of whole numbers, without rounding, and
are used only where all numbers of the column are whole and none is negative.
"""

import re
from collections import Counter
from collections.abc import Mapping
from functools import partial, reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.data.schema.formats import INEXACT, format_called, formats_of, is_marker, numbers_in, trimmed
from variate.data.schema.grids import Grid, grid_of, joined_grid
from variate.data.schema.kinds import is_bits, is_whole
from variate.data.schema.number_formats import marks_in

FEW = 20
"""Whole numbers with at most this many different values may be codes."""
PIECE, BEGINNING = 2**20, 2**12
"""How many numbers are profiled at a time, and how many are looked at first to tell whether many are different."""
NARROW = 2**21
"""A piece of numbers below this has a sum of squares below 2^62, which 64 bits hold exactly."""
SAMPLED = 2**14
"""Numbers of a piece from which frequent ones are told."""
FREQUENT = 0.01
"""Share of the cells of a piece that a frequent number fills."""
MOST_WORDS = 10_000
"""Different texts of a column that are counted."""
MOST_ODD = 20
"""Different texts of a column that a format may leave unread, besides those that say that a number is missing."""
HAS_DIGIT = re.compile(r"\d").search
"""Text without digits is neither a number nor a date."""
FIRST_WORDS = 200
"""Texts of which a format that leaves no more than `MOST_ODD` unread is tried on all."""


class RawColumn(NamedTuple):
    """A column as it is in the file.

    Attributes:
        name: Its name.
        numbers: Its values; for text, positions in `words`. NaN where a cell is missing.
        words: For text, the different values in any order; for numbers, None.
        native: The format of values that are neither numbers nor text, such as "date"; else "".
    """

    name: str
    numbers: Float64[np.ndarray, " N"]
    words: tuple[str, ...] | None = None
    native: str = ""


class NumberProfile(NamedTuple):
    """Summary of the numbers in a column, or in a piece of it, without its gaps.

    Attributes:
        cells: How many there are.
        different: The different numbers, where they are few or were asked for; else None.
        bits: Whether there are only 0 and 1.
        whole: Whether there are only whole numbers.
        low: The smallest number, and the smallest of the others.
        high: The largest number, and the largest of the others.
        total: Sum of the numbers, where they are whole and none is negative; else 0.
        squares: Sum of their squares, likewise.
        ends: The first and the last number.
        steps: The smallest and the largest difference between neighbours.
        grid: The grid that the numbers lie on, if they do.
        frequent: Numbers without a grid that recur, with the number of their cells: all of those that fill a hundredth
            of a piece; where pieces are joined, up to a hundredth of the cells of such a number may be missing.
    """

    cells: int = 0
    different: frozenset[float] | None = frozenset()
    bits: bool = True
    whole: bool = True
    low: tuple[float, float] = (np.inf, np.inf)
    high: tuple[float, float] = (-np.inf, -np.inf)
    total: int = 0
    squares: int = 0
    ends: tuple[float, float] = (np.nan, np.nan)
    steps: tuple[float, float] = (np.inf, -np.inf)
    grid: Grid | None = None
    frequent: Mapping[float, int] = {}

    @property
    def is_overdispersed(self) -> bool:
        """Whether the variance of whole numbers from 0 is at least their mean."""
        return self.cells * self.squares - self.total**2 >= self.cells * self.total

    @property
    def is_constant(self) -> bool:
        """Whether there is one number, however often."""
        return self.cells > 0 and self.low[0] == self.high[0]


class Reading(NamedTuple):
    """What a format makes of the texts of a column.

    Attributes:
        numbers: The numbers that it reads.
        odd: Texts that it does not read, with the number of their cells, besides those that mark a gap.
        markers: Texts that mark a gap, with the number of their cells.
        marks: What groups thousands, with the number of cells, as `marks_in` finds it.
    """

    numbers: NumberProfile
    odd: Mapping[str, int]
    markers: Mapping[str, int]
    marks: Mapping[str, int] = {}


class TextProfile(NamedTuple):
    """Summary of the texts in a column, or in a piece of it, without its gaps.

    Attributes:
        cells: Number of cells.
        words: The different texts with the number of their cells; None where they are more than `MOST_WORDS`, unless
            all were asked for.
        longest: Characters of the longest.
        readings: What each format makes of them, by its name; without those that read none, or leave too many unread.
    """

    cells: int
    words: Mapping[str, int] | None
    longest: int
    readings: Mapping[str, Reading]

    def reading(self, name: str) -> Reading | None:
        """What a format makes of the texts; None if it leaves too many unread."""
        if name in self.readings or self.words is None:
            return self.readings.get(name)
        odd = {word: count for word, count in self.words.items() if not is_marker(word)}
        if len(odd) > MOST_ODD:
            return None
        markers = {word: count for word, count in self.words.items() if is_marker(word)}
        return Reading(NumberProfile(), odd, markers)


class Profile(NamedTuple):
    """Summary of a column, or of a piece of it.

    Attributes:
        name: Its name.
        rows: Number of cells.
        numbers: Of its numbers, if it is no text.
        texts: Of its texts, if it is text.
        native: As in `RawColumn`.
    """

    name: str
    rows: int
    numbers: NumberProfile | None = None
    texts: TextProfile | None = None
    native: str = ""

    @property
    def missing(self) -> int:
        """Number of cells without a value."""
        own = self.numbers if self.texts is None else self.texts
        return self.rows - (own.cells if own is not None else 0)


def profile(raw: RawColumn, every: bool = False) -> Profile:
    """The profile of a column, joined from those of its pieces, so that it takes little memory.

    Args:
        raw: At least one row of it.
        every: Keep every different value, however many there are.
    """
    rows = len(raw.numbers)
    if raw.words is None:
        return Profile(raw.name, rows, numbers=profile_of_numbers(raw.numbers, every), native=raw.native)
    return Profile(raw.name, rows, texts=_of_texts(raw, every))


def profile_of_numbers(values: Float64[np.ndarray, " N"], every: bool = False) -> NumberProfile:
    """The profile of numbers, of which NaN are left out."""
    pieces = (values[start : start + PIECE] for start in range(0, len(values), PIECE))
    found = (_of_piece(piece[~np.isnan(piece)], every) for piece in pieces)
    return reduce(partial(_joined_numbers, every=every), found, NumberProfile())


def _of_piece(values: Float64[np.ndarray, " N"], every: bool) -> NumberProfile:
    """The profile of a piece of a column of numbers."""
    if not len(values):
        return NumberProfile()
    low, high, whole = float(values.min()), float(values.max()), is_whole(values)
    steps, grid = np.diff(values), grid_of(values)
    return NumberProfile(
        len(values),
        different=_different(values, every),
        bits=is_bits(values),
        whole=whole,
        low=(low, float(values.min(where=values > low, initial=np.inf))),
        high=(high, float(values.max(where=values < high, initial=-np.inf))),
        total=exact_sum(values, 1) if whole and low >= 0 else 0,
        squares=exact_sum(values, 2) if whole and low >= 0 else 0,
        ends=(float(values[0]), float(values[-1])),
        steps=(float(steps.min()), float(steps.max())) if len(steps) else (np.inf, -np.inf),
        grid=grid,
        frequent=_frequent(values) if grid is None else {},
    )


def _of_texts(raw: RawColumn, every: bool) -> TextProfile:
    """The profile of a column of text."""
    assert raw.words is not None
    codes = raw.numbers[~np.isnan(raw.numbers)].astype(np.intp)
    counts = np.bincount(codes, minlength=len(raw.words))
    words = {word: int(count) for word, count in zip(raw.words, counts, strict=True) if count}
    few = every or len(words) <= MOST_WORDS
    tried = formats_of(raw.words[:FIRST_WORDS]) if any(map(HAS_DIGIT, words)) else ()
    readings = {name: found for name in tried if (found := _reading(name, raw, counts, every)) is not None}
    return TextProfile(len(codes), words if few else None, max(map(len, words), default=0), readings)


def _reading(name: str, raw: RawColumn, counts: np.ndarray, every: bool) -> Reading | None:
    """What a format makes of a column of text; None if it reads none, or leaves too many texts unread."""
    assert raw.words is not None
    form = format_called(name)
    assert form is not None
    for words in (raw.words[:FIRST_WORDS], raw.words) if len(raw.words) > FIRST_WORDS else (raw.words,):
        values = numbers_in(words, form)
        unread = [words[place] for place in np.flatnonzero(np.isnan(values) & (counts[: len(words)] > 0))]
        odd = [word for word in unread if not is_marker(word)]
        if len(odd) > MOST_ODD:
            return None
    by_word = dict(zip(raw.words, counts.tolist(), strict=True))
    said = np.full(len(raw.numbers), np.nan)
    known = ~np.isnan(raw.numbers)
    said[known] = values[raw.numbers[known].astype(np.intp)]
    numbers = profile_of_numbers(said, every)
    markers = {word: by_word[word] for word in unread if is_marker(word)}
    if not numbers.cells:
        return None
    marks = {} if form.is_date else marks_in(name, trimmed(words), values, counts)
    return Reading(numbers, {word: by_word[word] for word in odd}, markers, marks)


def joined_profile(one: Profile, other: Profile, every: bool = False) -> Profile:
    """The profile of a column from those of two pieces, the second after the first, both of numbers or both of text."""
    rows = one.rows + other.rows
    if one.texts is not None and other.texts is not None:
        return one._replace(rows=rows, texts=_joined_texts(one.texts, other.texts, every))
    assert one.numbers is not None
    assert other.numbers is not None
    native = INEXACT if INEXACT in (one.native, other.native) else one.native
    return one._replace(rows=rows, numbers=_joined_numbers(one.numbers, other.numbers, every), native=native)


def _joined_texts(one: TextProfile, other: TextProfile, every: bool) -> TextProfile:
    words = None
    if one.words is not None and other.words is not None:
        counts = Counter(one.words) + Counter(other.words)
        words = counts if every or len(counts) <= MOST_WORDS else None
    readings = {}
    for name in {**one.readings, **other.readings}:
        first, second = one.reading(name), other.reading(name)
        both = None if first is None or second is None else _joined_readings(first, second, every)
        if both is not None and len(both.odd) <= MOST_ODD:
            readings[name] = both
    return TextProfile(one.cells + other.cells, words, max(one.longest, other.longest), readings)


def _joined_readings(one: Reading, other: Reading, every: bool) -> Reading:
    return Reading(
        _joined_numbers(one.numbers, other.numbers, every),
        Counter(one.odd) + Counter(other.odd),
        Counter(one.markers) + Counter(other.markers),
        Counter(one.marks) + Counter(other.marks),
    )


def _joined_numbers(one: NumberProfile, other: NumberProfile, every: bool = False) -> NumberProfile:
    if not one.cells or not other.cells:
        return one if one.cells else other
    step = other.ends[0] - one.ends[1]
    low, whole = _ends({*one.low, *other.low}), one.whole and other.whole
    high = _ends({-value for value in (*one.high, *other.high)})
    grid = joined_grid(one.grid, other.grid, max(-low[0], -high[0]))
    both = one.different | other.different if one.different is not None and other.different is not None else None
    return NumberProfile(
        one.cells + other.cells,
        different=both if both is not None and (every or len(both) <= FEW) else None,
        bits=one.bits and other.bits,
        whole=whole,
        low=low,
        high=(-high[0], -high[1]),
        total=one.total + other.total if whole and low[0] >= 0 else 0,
        squares=one.squares + other.squares if whole and low[0] >= 0 else 0,
        ends=(one.ends[0], other.ends[1]),
        steps=(min(one.steps[0], step, other.steps[0]), max(one.steps[1], step, other.steps[1])),
        grid=grid,
        frequent=Counter(one.frequent) + Counter(other.frequent) if grid is None else {},
    )


def _frequent(values: Float64[np.ndarray, " N"]) -> Mapping[float, int]:
    """The numbers that fill at least a hundredth of the cells and recur, by their share of every n-th number."""
    some = values[:: max(1, len(values) // SAMPLED)]
    found, counts = np.unique(some, return_counts=True)
    likely = found[counts >= max(2, FREQUENT / 2 * len(some))]
    exact = {float(value): int(np.count_nonzero(values == value)) for value in likely}
    return {value: count for value, count in exact.items() if count >= FREQUENT * len(values)}


def _ends(values: set[float]) -> tuple[float, float]:
    """The smallest of some different numbers, and the smallest of the others."""
    first, second, *_ = (*sorted(values), np.inf)
    return first, second


def _different(values: Float64[np.ndarray, " N"], every: bool) -> frozenset[float] | None:
    """The different numbers; None where there are more than `FEW` and not all are asked for."""
    if not every and len(np.unique(values[:BEGINNING])) > FEW:
        return None
    found = np.unique(values)
    return frozenset(found.tolist()) if every or len(found) <= FEW else None


def exact_sum(values: Float64[np.ndarray, " N"], power: int) -> int:
    """The exact sum of at most `PIECE` whole numbers from 0 (power 1), or of their squares (power 2)."""
    if values.max() < NARROW:
        return int((values.astype(np.int64) ** power).sum())
    return sum(int(value) ** power for value in values.tolist())
