import numpy as np
import pytest

from variate.comparison.grids import Grid, grid_of, off_grid


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 4.0], Grid(0, 1, 1)),
        ([-3.0, 2.0, 12.0], Grid(0, 5, -3)),
        ([0.1, 0.3, 12.7], Grid(1, 2, 1)),
        ([8.05, 7.25, 512.3292], Grid(4, 8, 72500)),
        ([0.25, 0.5], Grid(2, 25, 25)),
        ([2.0, 2.0], None),
        ([], None),
        ([0.1, 1 / 3], None),
        ([0.5, 1e16], None),
    ],
)
def test_the_widest_grid_is_found(values, expected):
    assert grid_of(np.array(values, dtype=float)) == expected


@pytest.mark.parametrize(("decimals", "step"), [(0, 1), (2, 1), (1, 5), (6, 3)])
def test_points_are_on_the_grid_and_others_are_not(decimals, step):
    rng = np.random.default_rng(0)
    whole = rng.integers(-1000, 1000, 200) * step + 1
    values = whole / 10.0**decimals
    grid = grid_of(values)
    assert grid is not None
    assert (grid.decimals, grid.step) == (decimals, step)
    assert not off_grid(values, grid).any()
    assert off_grid(values + 0.3 * step / 10.0**decimals, grid).all()


def test_what_was_float32_once_is_on_the_grid():
    values = np.round(np.random.default_rng(0).normal(50, 9, 100), 1)
    assert not off_grid(values.astype(np.float32).astype(float), grid_of(values)).any()
