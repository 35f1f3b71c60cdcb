import numpy as np
import pytest

from variate.data.storage import base
from variate.data.storage.base import evenly_spaced
from variate.data.storage.in_memory import InMemory


@pytest.mark.parametrize(("total", "most"), [(10, 3), (10, 10), (10, 99), (10**9, 1000)])
def test_spread_is_even_from_the_first(total, most):
    index = evenly_spaced(total, most)
    assert len(index) == min(total, most)
    assert index[0] == 0
    assert {int(step) // (total // len(index)) for step in np.diff(index)} <= {1, 2}


@pytest.mark.parametrize(("size", "rows"), [(0, 1), (24, 1), (47, 1), (48, 2), (2**40, base.MOST_ROWS)])
def test_limit_is_at_least_a_row_and_at_most_so_many(size, rows):
    assert InMemory(np.zeros((5, 3))).limit(size) == rows
