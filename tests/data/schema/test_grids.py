from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variate.data.schema.grids import MOST_DECIMALS, Grid, grid_of, joined_grid


@pytest.mark.parametrize(
    ("values", "grid"),
    [
        ([3, 5, 9], Grid(0, 3, 2)),
        ([0.1, 0.2, 0.3], Grid(1, 1, 1)),
        ([19.99, 5], Grid(2, 1999, 1499)),
        ([-2.5, 0, 7.5], Grid(1, -25, 25)),
        ([7.25, 7.25], Grid(2, 725, 0)),
        ([1e15, 1e15 + 1], Grid(0, 10**15, 1)),
        ([0.1 + 0.2], None),  # the number beside 0.3
        ([1 / 3], None),
        ([np.pi, 1], None),
        ([8.05, 7.25, 512.3292], Grid(4, 80500, 8)),
        ([], None),
        ([0.1, 1e15], None),  # the tenth of 1e15 is lost in floating point
    ],
)
def test_grids(values, grid):
    assert grid_of(np.array(values, float)) == grid


def test_step_is_the_distance_of_neighbouring_points():
    assert grid_of(np.array([0.25, 1, 2.5])).step == 0.75
    assert grid_of(np.array([50.0, 150, 400])).step == 50
    assert grid_of(np.array([3.0])).step == 0


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30), st.integers(0, MOST_DECIMALS - 4))
def test_all_numbers_lie_on_the_grid_and_on_no_wider_one(whole, decimals):
    grid = grid_of(np.array(whole) / 10.0**decimals)
    exact = [Fraction(k, 10**decimals) for k in whole]
    units = [number * 10**grid.decimals - grid.first for number in exact]
    assert all(unit.denominator == 1 for unit in units)
    assert grid.spacing == np.gcd.reduce([unit.numerator for unit in units])
    if grid.decimals:
        assert any((number * 10 ** (grid.decimals - 1)).denominator > 1 for number in exact)


@given(
    st.lists(st.sampled_from([0.5, 0.25, 3, 7, -1.125, 0.1, 1e6, 1e14, 1e15, 1 / 3]), min_size=2, max_size=12),
    st.data(),
)
def test_joined_grids_are_those_of_the_whole(values, data):
    cuts = data.draw(st.sets(st.integers(1, len(values) - 1)))
    pieces = [np.array(values[a:b], float) for a, b in pairwise([0, *sorted(cuts), len(values)])]

    def join(one, other):
        both = np.concatenate([one[0], other[0]])
        return both, joined_grid(one[1], other[1], float(np.abs(both).max()))

    assert reduce(join, [(piece, grid_of(piece)) for piece in pieces])[1] == grid_of(np.array(values, float))


@pytest.mark.parametrize(("decimals", "step"), [(0, 1), (2, 1), (1, 5), (6, 3)])
def test_points_are_on_the_grid_and_others_are_off(decimals, step):
    whole = np.random.default_rng(0).integers(-1000, 1000, 200) * step + 1
    values = whole / 10.0**decimals
    grid = grid_of(values)
    assert (grid.decimals, grid.spacing) == (decimals, step)
    assert not grid.is_off(values).any()
    assert grid.is_off(values + 0.3 * step / 10.0**decimals).all()


def test_what_was_float32_once_is_on_the_grid():
    values = np.round(np.random.default_rng(0).normal(50, 9, 100), 1)
    assert not grid_of(values).is_off(values.astype(np.float32).astype(float)).any()
