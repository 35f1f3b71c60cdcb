from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from variate.data.schema.profiles import FEW, MOST_ODD, RawColumn, exact_sum, joined_profile, profile

RNG = np.random.default_rng(0)
COLUMNS = {
    "bits": RNG.integers(0, 2, 60),
    "counts": RNG.poisson(3, 60),
    "codes": RNG.integers(1, 5, 60),
    "negative": RNG.integers(-5, 5, 60),
    "real": RNG.normal(size=60),
    "index": np.arange(60),
    "constant": np.full(60, 2.5),
    "many": RNG.integers(0, 10**6, 60),
    "huge": RNG.integers(0, 2**53, 60),
    "gaps": np.where(RNG.random(60) < 0.3, np.nan, RNG.integers(0, 9, 60)),
    "nothing": np.full(60, np.nan),
}


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("cuts", [[30], [1, 2, 59], list(range(1, 60))])
@pytest.mark.parametrize("name", COLUMNS)
def test_joined_profile_is_that_of_the_whole(name, cuts, every):
    values = COLUMNS[name].astype(float)
    first, *others = (profile(RawColumn(name, piece), every) for piece in np.split(values, cuts))
    found = first
    for other in others:
        found = joined_profile(found, other, every)
    assert found == profile(RawColumn(name, values), every)


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_profile_does_not_depend_on_the_pieces_that_it_is_taken_in(name, every, monkeypatch):
    raw = RawColumn(name, COLUMNS[name].astype(float))
    expected = profile(raw, every)
    monkeypatch.setattr("variate.data.schema.profiles.PIECE", 7)
    assert profile(raw, every) == expected


TEXTS = {
    "words": ["a", "b", "a", "c"] * 15,
    "numbers": [str(number / 8) for number in range(60)],
    "numbers with gaps": ["1.5", "?", "2", "n/a"] * 15,
    "few numbers": ["a"] * 50 + [str(number) for number in range(10)],
    "dates": [f"{day:02}.0{month}.2019" for month in (1, 2, 3) for day in range(1, 21)],
    "days or months": [f"{day:02}/{month:02}/2019" for month in (1, 2, 3) for day in range(1, 21)],
    "many words": [f"w{number}" for number in range(60)],
}


def text(name, cells):
    """A column of text; None is a gap."""
    words = tuple(dict.fromkeys(cell for cell in cells if cell is not None))
    return RawColumn(name, np.array([np.nan if cell is None else words.index(cell) for cell in cells]), words)


@pytest.mark.parametrize("cuts", [[30], [1, 2, 59], list(range(1, 60))])
@pytest.mark.parametrize("name", TEXTS)
def test_joined_profile_of_text_is_that_of_the_whole(name, cuts):
    cells = [None, *TEXTS[name][1:]]
    pieces = [cells[start:stop] for start, stop in pairwise([0, *cuts, 60])]
    found = profile(text(name, pieces[0]))
    for piece in pieces[1:]:
        found = joined_profile(found, profile(text(name, piece)))
    assert found == profile(text(name, cells))
    assert found.missing == 1


def test_formats_that_leave_too_much_unread_are_forgotten():
    found = profile(text("c", [*(str(number) for number in range(30)), *(f"w{number}" for number in range(MOST_ODD))]))
    assert found.texts.readings["number"].numbers.cells == 30
    assert profile(text("c", [str(number) for number in range(30)] + TEXTS["many words"])).texts.readings == {}


def test_gaps_belong_to_no_profile():
    values = np.array([np.nan, 3, 3, np.nan, 7, np.nan])
    found = profile(RawColumn("c", values))
    assert (found.rows, found.missing) == (6, 3)
    assert found.numbers == profile(RawColumn("c", values[~np.isnan(values)])).numbers
    assert profile(RawColumn("c", np.full(3, np.nan))).missing == 3


@pytest.mark.parametrize(
    "values", [[0, 2], [0, 2, 0, 2], [1, 3, 3], [7, 7], [0, 0, 9], [2**53 - 1, 0], [2**53 - 1, 2**53 - 2], [1e300, 0]]
)
def test_overdispersion_is_decided_without_rounding(values):
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    assert profile(RawColumn("c", np.array(values, float))).numbers.is_overdispersed == (variance >= mean)


@pytest.mark.parametrize("largest", [100, 2**21 - 1, 2**21, 2**53])
def test_sums_are_exact(largest):
    values = RNG.integers(0, largest, 50)
    for power in (1, 2):
        assert exact_sum(values.astype(float), power) == sum(int(value) ** power for value in values)


def test_different_numbers_are_remembered_while_they_are_few():
    values = np.arange(FEW + 1.0)
    assert profile(RawColumn("c", values[:-1])).numbers.different == set(range(FEW))
    assert profile(RawColumn("c", values)).numbers.different is None
    assert len(profile(RawColumn("c", values), every=True).numbers.different) == FEW + 1
