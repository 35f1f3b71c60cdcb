"""The picture of the columns that differ most."""

import numpy as np
import pytest
from PIL import ImageColor

from variate.comparison.compare import Comparison
from variate.comparison.estimates import Contrast, Shares
from variate.comparison.histograms import Histogram
from variate.comparison.marginals import ColumnComparison
from variate.reports.histograms import HEAD, HEIGHT, MARGIN, REAL, SHOWN, SYNTHETIC, WIDTH, marginals_picture
from variate.statistics import Estimate

NONE = Shares(Estimate(0.0, 0.1), Estimate(0.0, 0.1))


def column(name, distance, histogram):
    return ColumnComparison(
        name, "real", Contrast(distance, 0.0), None, NONE, Contrast(0.0, 0.0), None, None, histogram
    )


def comparison(*columns):
    return Comparison(("a.csv", "b.csv"), 9, 9, 9, 9, columns, (), 1, Estimate(0.5, 0.1), None, None, None, None, ())


def pixels(picture, color):
    """Which pixels are of a colour, (height, width)."""
    return (np.asarray(picture) == ImageColor.getrgb(color)).all(-1)


def panel(found, number):
    top, left = divmod(number, 2)
    return found[top * HEIGHT : (top + 1) * HEIGHT, left * WIDTH : (left + 1) * WIDTH]


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 2), (5, 3), (9, 3)])
def test_the_worst_columns_have_a_panel_each(columns, rows):
    bars = Histogram(("0", "1"), (0.5, 0.5), (1.0, 0.0), True)
    picture = marginals_picture(comparison(*(column(f"c{i}", i / 10, bars) for i in range(columns))))
    assert picture.size == (2 * WIDTH, rows * HEIGHT)
    for number in range(min(columns, SHOWN) + 1):  # the last is the legend
        assert panel(pixels(picture, REAL), number).any()
        assert panel(pixels(picture, SYNTHETIC), number).any()


def test_bars_of_numbers_are_as_high_as_their_shares():
    shares = (0.1, 0.4, 0.0, 0.5)
    bars = Histogram(("0", "1", "2", "3"), shares, (0.0, 0.0, 0.0, 0.0), True)
    found = panel(pixels(marginals_picture(comparison(column("a", 1.0, bars))), REAL), 0)
    width = (WIDTH - 2 * MARGIN) / 4
    heights = [found[:, int(MARGIN + (number + 0.5) * width)].sum() for number in range(4)]
    np.testing.assert_allclose(heights, np.array(shares) / 0.5 * heights[3], atol=3)
    assert heights[3] > HEIGHT / 2


def test_bars_of_categories_are_as_long_as_their_shares():
    bars = Histogram(("x", "y"), (0.75, 0.25), (0.25, 0.75), False)
    picture = marginals_picture(comparison(column("a", 1.0, bars)))
    for color, ratio in ((REAL, 3), (SYNTHETIC, 1 / 3)):
        lengths = panel(pixels(picture, color), 0)[int(MARGIN) + HEAD :].sum(1)
        lengths = lengths[lengths > 0]
        assert lengths[0] / lengths[-1] == pytest.approx(ratio, rel=0.02)


def test_names_of_any_kind_stay_in_their_panel():
    odd = "\x1b[31m" + "x" * 500 + "\n漢\u202e"
    bars = Histogram((odd, odd), (1.0, 0.0), (0.0, 0.0), False)
    picture = marginals_picture(comparison(column(odd, 1.0, bars))._replace(names=(odd, odd)))
    white = (np.asarray(picture) == 255).all(-1)
    assert white[:, : int(MARGIN) - 1].all()
    assert white[:, WIDTH - int(MARGIN) + 2 : WIDTH + int(MARGIN) - 1].all()
    assert white[:, -int(MARGIN) + 2 :].all()


def test_a_column_without_a_value_has_an_empty_panel():
    for is_of_numbers in (True, False):
        bars = Histogram(("0", "1"), (0.0, 0.0), (0.0, 0.0), is_of_numbers)
        assert marginals_picture(comparison(column("a", 1.0, bars))).size == (2 * WIDTH, HEIGHT)
