"""Results that are not finite are no results."""

import numpy as np
import pytest

from refusals import refused
from variate.runtime.finite import finite_rows


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_are_counted_and_the_first_is_named(bad):
    rows = np.zeros((10, 2, 3), np.float32)
    assert finite_rows(rows, "the rows", "") is rows
    assert finite_rows(rows[:0].astype(np.uint8), "the rows", "").shape == (0, 2, 3)
    rows[[4, 7], 1, 2] = bad
    error = refused(finite_rows, rows, "the rows", "train again")
    assert (error.argument, error.expected, error.remedy) == ("the rows", "finite numbers", "train again")
    assert "2 of 10 rows, first in row 4" in error.got
    assert "first in row 104" in refused(finite_rows, rows, "the rows", "", range(100, 110)).got
