import itertools

import numpy as np
import pytest

from refusals import refused
from variate.data import whole_groups
from variate.data.source import SplitColumn
from variate.data.whole_groups import HeldOutRows, by_group, by_time, held_out_notes


def rows_of(sizes, seed=0):
    """A group number per row, the rows in random order."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(float)


def nearest(sizes, wanted, left):
    """The least distance of a sum of some sizes to a number, by trying all; so many are left."""
    sums = (sum(some) for n in range(1, len(sizes) - left + 1) for some in itertools.combinations(sizes, n))
    return min(abs(total - wanted) for total in sums)


@pytest.mark.parametrize(
    "sizes", [[1, 1, 1], [50, 30, 20], [1, 1, 98], [7, 11, 13, 29, 31, 40], [3] * 10, [60, 25, 5, 4, 3, 2, 1]]
)
@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.1), (0.3, 0.2)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_parts_are_whole_groups_as_near_to_their_sizes_as_these_allow(sizes, validation, test, seed):
    values, count = rows_of(sizes), sum(sizes)
    wanted = (max(1, round(validation * count)), max(1, round(test * count)))
    found = by_group(values, wanted, seed, "who")
    parts = [set(values[rows]) for rows in found]
    assert not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) < len(sizes)
    for rows, groups in zip(found, parts, strict=True):
        assert len(rows) == sum(sizes[int(group)] for group in groups) > 0
        assert (np.diff(rows) > 0).all()
    assert abs(len(found.test) - wanted[1]) == nearest(sizes, wanted[1], 2)
    others = [size for group, size in enumerate(sizes) if group not in parts[1]]
    assert abs(len(found.validation) - wanted[0]) == nearest(others, wanted[0], 1)


def test_the_seed_decides_and_nothing_else():
    values = rows_of(np.random.default_rng(1).integers(1, 9, 300))
    one, again, other = (by_group(values, (100, 150), seed, "who") for seed in (0, 0, 1))
    assert [rows.tolist() for rows in one] == [rows.tolist() for rows in again]
    assert one.test.tolist() != other.test.tolist()
    assert (len(one.validation), len(one.test), len(other.test)) == (100, 150, 150)


def test_every_group_is_held_out_by_some_seed():
    values = rows_of([4] * 12)
    held = {group for seed in range(60) for group in values[by_group(values, (4, 8), seed, "who").test]}
    assert held == set(range(12))  # missing one of 12 has a probability of 12 (5/6)^60 < 3e-4


def test_many_groups_take_the_short_way(monkeypatch):
    values = rows_of(np.random.default_rng(2).integers(1, 30, 2_000))
    monkeypatch.setattr(whole_groups, "MOST_WORK", 10_000)
    found = by_group(values, (2_999, 3_001), 0, "who")
    assert (len(found.validation), len(found.test)) == (2_999, 3_001)
    assert not set(values[found.test]) & set(values[found.validation])


def test_rows_without_a_group_are_groups_of_their_own():
    values = np.where(np.arange(100) < 50, np.nan, 1.0)
    found = by_group(values, (10, 10), 0, "who")
    assert (len(found.validation), len(found.test)) == (10, 10)
    assert np.isnan(values[np.concatenate(found)]).all()


@pytest.mark.parametrize("values", [[1, 1, 2, 2], [1, 1, 1]])
def test_too_few_groups_are_refused(values):
    error = refused(by_group, np.array(values, float), (1, 1), 0, "who")
    assert (error.argument, error.got) == ("split_by", f"{len(set(values))} value{'s' if len(set(values)) > 1 else ''}")
    error = refused(by_time, np.array([*values, np.nan], float), (1, 1), "when")
    assert (error.argument, "at least 3" in error.expected) == ("split_time", True)


def test_the_latest_rows_are_the_test_part():
    values = np.random.default_rng(0).permutation(1000).astype(float)
    found = by_time(values, (100, 50), "when")
    assert set(values[found.test]) == set(range(950, 1000))
    assert set(values[found.validation]) == set(range(850, 950))
    assert all((np.diff(rows) > 0).all() for rows in found)


@pytest.mark.parametrize("sizes", [[1, 1, 1], [10, 1, 1], [1, 1, 98], [5, 9, 2, 7, 4, 6], [30, 40, 30]])
@pytest.mark.parametrize("wanted", [(1, 1), (10, 10), (3, 7)])
def test_rows_of_one_time_stay_together(sizes, wanted):
    values = rows_of(sizes)
    found = by_time(values, wanted, "when")
    tails = [sum(sizes[first:]) for first in range(2, len(sizes))]
    assert abs(len(found.test) - wanted[1]) == min(abs(tail - wanted[1]) for tail in tails)
    border = int(values[found.test].min())
    assert len(found.test) == sum(sizes[border:])
    tails = [sum(sizes[first:border]) for first in range(1, border)]
    assert abs(len(found.validation) - wanted[0]) == min(abs(tail - wanted[0]) for tail in tails)
    assert values[found.validation].max() < border
    assert len(values) > len(found.validation) + len(found.test)


def test_rows_without_a_time_are_not_held_out():
    values = np.array([np.nan, 5, 1, 2, np.nan, 3, 4])
    found = by_time(values, (1, 2), "when")
    assert (values[found.test].tolist(), values[found.validation].tolist()) == ([5, 4], [3])


def test_notes_say_what_was_decided():
    assert held_out_notes(None, HeldOutRows(np.array([1]), np.array([2]))) == []
    key = SplitColumn("who", np.array([0, 0, 1, 1, 2, np.nan]))
    notes = held_out_notes(key, HeldOutRows(np.array([2, 3]), np.array([4])), unused=7)
    assert "1 in training, 1 in validation, 1 in test" in notes[0]
    assert notes[1].startswith("1 row without a value in 'who' is split")
    assert notes[2].startswith("7 rows ")
    key = SplitColumn("when", np.array([0.0, 17_900, 17_901, np.nan]), True, "%d.%m.%Y")
    notes = held_out_notes(key, HeldOutRows(np.array([1]), np.array([2])))
    assert "validation from 04.01.2019 on, test from 05.01.2019 on" in notes[0]
    assert "is used for training" in notes[1]
