"""Gaps of rows, counted in one piece and in many."""

import numpy as np
import pytest

from refusals import refused
from variate.data.gaps import gap_notes, gaps_of, has_nan, nan_gaps, require_observed
from variate.data.storage.stacked import Stacked

RNG = np.random.default_rng(0)


def rows_with_nan(rows=50, columns=4):
    values = RNG.normal(size=(rows, columns))
    values[RNG.random(values.shape) < 0.5] = np.nan
    values[:, 2], values[7] = np.nan, np.nan
    return values


@pytest.mark.parametrize("chunk", [1, 12, 10**6])
def test_gaps_are_counted_alike_in_pieces_of_any_size(monkeypatch, chunk):
    monkeypatch.setattr("variate.data.storage.stacked.CHUNK", chunk)
    values = rows_with_nan()
    mask = ~np.isnan(values)
    for found in (gaps_of(values, mask), nan_gaps(values), nan_gaps(Stacked(np.split(values, [3, 20])))):
        assert found.missing == (~mask).sum()
        assert found.empty == (~mask).all(axis=1).sum() >= 1
        assert found.rows == 50
        assert found.known.tolist() == [True, True, False, True]
        first = [column[~np.isnan(column)][0] for column in values[:, found.known].T]
        assert found.values[found.known].tolist() == first
        assert found.values[2] == 0


def test_what_is_missing_is_said():
    whole = np.ones((3, 2), bool)
    assert list(gap_notes(gaps_of(np.zeros((3, 2)), whole))) == []
    mask = np.array([[True, False], [False, False], [True, False]])
    values, element, rows = gap_notes(gaps_of(np.zeros((3, 2)), mask))
    assert values == "4 of 6 values are missing (NaN, or masked)."
    assert element.startswith("1 of 2 values per row are observed in no row (the first is number 1,")
    assert rows == "1 of 3 rows has no observed value."


def test_rows_of_which_nothing_is_observed_are_refused():
    assert refused(require_observed, gaps_of(np.zeros((3, 2)), np.zeros((3, 2), bool)), "x").argument == "x"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_only_real_numbers_have_nan(dtype):
    values = np.zeros((3, 2), dtype)
    assert not has_nan(values)
    values[2, 1] = np.inf
    assert not has_nan(values)
    values[1, 0] = np.nan
    assert has_nan(values)
    assert not has_nan(np.zeros((3, 2), int))
    assert not has_nan(np.zeros((0, 2)))
