import numpy as np
import pytest

from variate.config.schema import Column
from variate.data.fillings import FilledColumn, added_names
from variate.data.schema.grids import decimals_of


@pytest.mark.parametrize(
    ("numbers", "decimals"),
    [([1, 2, 3], 0), ([1.5, 2, 3], 1), ([0.1, 29.95, 1e6], 2), ([1.5119208e-02], 9), ([1 / 3], None), ([], None),
     ([-0.25, 1e9 + 0.5], 2)],
)  # fmt: skip
def test_decimals_are_the_least_that_all_numbers_need(numbers, decimals):
    assert decimals_of(np.array(numbers, float)) == decimals


def test_decimals_of_every_length_are_found():
    source = np.random.default_rng(0)
    for d in range(10):
        numbers = np.array([float(f"{value:.{d}f}") for value in source.normal(scale=100, size=500)])
        assert decimals_of(numbers) == d


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (Column("a", "real"), [1.25, 2.5, 7.126], [7.13]),
        (Column("a", "real"), [1.0, 2.0, -0.2], [0.0]),
        (Column("a", "counts"), [1.0, 2.0, 3.6], [4]),
        (Column("a", "binary"), [1.0, 0.0, 0.7], [1]),
        (Column("a", "binary", format="bool"), [1.0, 0.0, 0.7], [True]),
        (Column("a", "categorical", ("x", "y")), [0.0, 0.0, 1.0], ["y"]),
        (Column("a", "real", format="%d.%m.%Y"), [0.0, 1.0, 2.4], ["03.01.1970"]),
        (Column("a", "real", format="decimal-comma"), [1.5, 2.0, 2.4444], ["2,4"]),
        (Column("a", "real", format="date"), [0.0, 1.0, 2.4], [np.datetime64("1970-01-03")]),
        (Column("a", "real", format="timestamp"), [0.0, 60.0, 2.4], [np.datetime64("1970-01-01T00:00:02")]),
    ],
)
def test_filled_values_look_like_the_others_of_their_column(column, values, expected):
    own = FilledColumn(column, np.array(values), np.array([False, False, True]))
    assert own.filled().tolist() == np.array(expected, dtype=own.filled().dtype).tolist()
    assert not any(str(value).startswith("-") for value in own.filled().tolist())


def test_names_of_added_columns_are_free():
    assert added_names(["a", "b"], ["a"], True) == (["a_std"], "draw")
    assert added_names(["a", "a_std", "draw", "draw_2"], ["a"], True) == (["a_std_2"], "draw_3")
    assert added_names(["a"], [], False) == ([], "")
