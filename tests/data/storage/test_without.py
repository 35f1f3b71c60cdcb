import numpy as np
import pytest

from variate.data.storage.in_memory import InMemory
from variate.data.storage.mapped import MappedArrays
from variate.data.storage.stacked import Stacked
from variate.data.storage.without import Without, without

RNG = np.random.default_rng(0)
ROWS = np.arange(40).reshape(20, 2)


@pytest.mark.parametrize("left_out", [[], [0], [3, 4, 5], [0, 2, 19], [19], list(range(1, 20))])
def test_the_rows_that_are_left(left_out):
    whole = MappedArrays(Stacked([ROWS]))
    whole.bounds = np.array([0, 3, 6, 7, 20])
    rest = without(whole, np.array(left_out, int))
    expected = np.delete(ROWS, left_out, axis=0)
    assert isinstance(rest, Without)
    assert (len(rest), rest.shape, rest.dtype, rest.in_memory) == (len(expected), (2,), ROWS.dtype, False)
    index = RNG.integers(0, len(rest), 50)
    np.testing.assert_array_equal(rest.take(index), expected[index])
    cuts = zip(rest.bounds[:-1], rest.bounds[1:], strict=True)
    blocks = [np.searchsorted(whole.bounds, expected[a:b, 0] // 2, side="right") for a, b in cuts]
    assert all(len(block) and (block == block[0]).all() for block in blocks)  # no block has rows of two of the whole
    assert len({int(block[0]) for block in blocks}) == len(blocks)


def test_rows_in_memory_stay_there():
    rest = without(InMemory(ROWS), np.array([3, 4]))
    assert rest.in_memory
    np.testing.assert_array_equal(rest.all(), np.delete(ROWS, [3, 4], axis=0))
