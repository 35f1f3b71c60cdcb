import numpy as np
import pytest

from variate.comparison.histograms import BARS, NEW, REST, histogram, text_of
from variate.config.schema import Column

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("decimals", [0, 1, 12])
def test_shares_of_numbers_add_up_and_tails_are_counted(decimals):
    real, synthetic = np.round(RNG.normal(50, 9, 1000), decimals), np.round(RNG.standard_cauchy(500), decimals)
    found = histogram(Column("a", "real"), real, synthetic)
    assert found.is_of_numbers
    assert len(found.labels) == len(found.real) == len(found.synthetic) <= BARS + 1
    assert sum(found.real) == pytest.approx(1)
    assert sum(found.synthetic) == pytest.approx(1)


def test_few_whole_numbers_have_a_bar_each():
    real, synthetic = np.repeat([2.0, 3.0, 5.0], [5, 3, 2]), np.array([3.0, 4.0])
    found = histogram(Column("a", "counts"), real, synthetic)
    assert found.labels == ("2", "3", "4", "5")
    assert found.real == (0.5, 0.3, 0.0, 0.2)
    assert found.synthetic == (0.0, 0.5, 0.5, 0.0)


def test_values_are_named_as_they_came():
    days = np.array([18000.0, 18001.0])
    assert histogram(Column("a", "real", format="date"), days, days).labels == ("2019-04-14", "2019-04-15")
    assert text_of(0.5, Column("a", "real")) == "0.5"
    assert text_of(1.0, Column("a", "binary", format="bool")) == "True"
    ticks = Column("a", "categorical", ("", "x"), blank=True)
    assert [text_of(code, ticks) for code in (0.0, 1.0)] == ["(empty)", "x"]
    assert histogram(ticks, np.array([0.0, 1, 0]), np.array([1.0, 1])).labels == ("(empty)", "x")


def test_frequent_categories_have_a_bar_and_all_others_share_one():
    names = tuple("abcdefghijkl")
    real = np.repeat(np.arange(12.0), np.arange(12, 0, -1))
    synthetic = np.array([0.0, 11.0, 12.0, 12.0])
    found = histogram(Column("a", "categorical", names), real, synthetic)
    assert not found.is_of_numbers
    assert found.labels == (*"abcdefgh", REST, NEW)
    assert found.real[:2] == (12 / 78, 11 / 78)
    assert found.real[-2:] == (10 / 78, 0.0)
    assert found.synthetic == (0.25, *[0.0] * 7, 0.25, 0.5)


def test_a_column_without_a_value_has_bars_of_nothing():
    none = np.empty(0)
    assert sum(histogram(Column("a", "real"), none, none).real) == 0
    assert histogram(Column("a", "binary"), none, np.array([1.0])).synthetic == (0.0, 1.0)
