import math

import numpy as np
import pyarrow as pa
import pytest

from refusals import refused
from variate.sklearn.features import array_of, row_weights, table_of


def test_an_array_comes_back_from_its_table():
    x = np.array([[1.5, math.nan], [-2.0, 3.0]])
    np.testing.assert_array_equal(array_of(table_of(x, ("a", "b"))), x)


def test_columns_of_other_types_are_numbers():
    table = pa.table({"bits": [True, False], "whole": [1, None], "none": pa.nulls(2)})
    np.testing.assert_array_equal(array_of(table), [[1, 1, math.nan], [0, math.nan, math.nan]])


def test_weights_are_one_per_row_or_one_for_all():
    assert row_weights(None, 3) is None
    np.testing.assert_array_equal(row_weights(2, 3), [2, 2, 2])
    np.testing.assert_array_equal(row_weights([1, 0, 2], 3), [1, 0, 2])


@pytest.mark.parametrize(
    "weights", [[1, 2], [[1], [2], [3]], [1, -1, 1], [1, math.nan, 1], [1, math.inf, 1], [0, 0, 0]]
)
def test_other_weights_are_refused(weights):
    assert refused(row_weights, weights, 3).argument == "sample_weight"
