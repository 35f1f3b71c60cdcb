from fractions import Fraction

import numpy as np
import pytest

from variate.data.schema.profiles import FEW, RawColumn, exact_sum, joined_profile, profile

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


def test_joined_words_are_all_words():
    one, other = RawColumn("c", np.array([0.0, 1, 0]), ("a", "b")), RawColumn("c", np.array([1.0, 0]), ("a", "c"))
    found = joined_profile(profile(one), profile(other))
    assert (found.rows, found.words) == (5, {"a", "b", "c"})


@pytest.mark.parametrize(
    "values", [[0, 2], [0, 2, 0, 2], [1, 3, 3], [7, 7], [0, 0, 9], [2**53 - 1, 0], [2**53 - 1, 2**53 - 2], [1e300, 0]]
)
def test_overdispersion_is_decided_without_rounding(values):
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    assert profile(RawColumn("c", np.array(values, float))).is_overdispersed == (variance >= mean)


@pytest.mark.parametrize("largest", [100, 2**21 - 1, 2**21, 2**53])
def test_sums_are_exact(largest):
    values = RNG.integers(0, largest, 50)
    for power in (1, 2):
        assert exact_sum(values.astype(float), power) == sum(int(value) ** power for value in values)


def test_different_numbers_are_remembered_while_they_are_few():
    values = np.arange(FEW + 1.0)
    assert profile(RawColumn("c", values[:-1])).different == set(range(FEW))
    assert profile(RawColumn("c", values)).different is None
    assert len(profile(RawColumn("c", values), every=True).different) == FEW + 1
