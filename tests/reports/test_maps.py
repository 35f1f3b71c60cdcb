"""Pictures of maps."""

import numpy as np
import pytest

from variate.reports.maps import DOT, HIGH, LOW, MARGIN, MISSING, PALETTE, PLAIN, SIDE, Points, map_picture
from variate.tasks.map_colors import Colors

CORNERS = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0], [1.0, 1.0]])


def points(places):
    found = Points()
    tables = [{"x": part[:, 0], "y": part[:, 1]} for part in np.array_split(places, 2)]
    assert list(found.passing(tables)) == tables
    return found


def at(picture, place):
    """The colour at a place of the square from (0, 0) to (2, 2)."""
    across = MARGIN + DOT // 2 + place[0] / 2 * (SIDE - DOT)
    down = MARGIN + DOT // 2 + (2 - place[1]) / 2 * (SIDE - DOT)
    return tuple(picture.getpixel((int(across), int(down))))


def test_points_lie_where_they_are_with_y_upwards():
    picture = map_picture(points(CORNERS[[0, 1, 3]]))
    assert [at(picture, place) for place in CORNERS] == [PLAIN, PLAIN, (255,) * 3, PLAIN, (255,) * 3]


def test_both_axes_have_one_scale():
    picture = np.asarray(map_picture(points(np.array([[0.0, 0.0], [10.0, 1.0]]))))
    down, across = np.nonzero((picture == PLAIN).all(-1))
    assert np.ptp(across) > 9 * (np.ptp(down) - DOT)


def test_categories_have_a_colour_each_and_missing_ones_are_grey():
    values = np.array([1.0, 0.0, 1.0, np.nan, 0.0])
    picture = map_picture(points(CORNERS), Colors("kind", values, ("a", "b", "never")))
    expected = [PALETTE[1], PALETTE[0], PALETTE[1], MISSING, PALETTE[0]]
    assert [at(picture, place) for place in CORNERS] == expected


def test_the_rarest_of_many_categories_are_grey():
    rng = np.random.default_rng(0)
    values = np.concatenate([np.arange(12.0), rng.integers(0, 10, 300).astype(float)])
    picture = map_picture(points(rng.normal(size=(312, 2))), Colors("kind", values, tuple("abcdefghijkl")))
    pixels = {
        tuple(color) for color in np.asarray(picture)[MARGIN : MARGIN + SIDE, MARGIN : MARGIN + SIDE].reshape(-1, 3)
    }
    assert set(PALETTE) | {MISSING} <= pixels


def test_numbers_go_from_one_colour_to_the_other_by_rank():
    values = np.array([5.0, 1e9, 7.0, np.nan, 6.0])
    picture = map_picture(points(CORNERS), Colors("amount", values, (), ("5", "1e9")))
    found = [np.array(at(picture, place)) for place in CORNERS]
    assert np.array_equal(found[0], LOW)
    assert np.array_equal(found[1], HIGH)
    np.testing.assert_allclose(found[2], LOW + (HIGH - LOW) * 2 / 3, atol=1)
    assert tuple(found[3]) == MISSING


@pytest.mark.parametrize("values", [np.full(5, np.nan), np.full(5, 3.0)])
def test_columns_without_variation_are_no_obstacle(values):
    ends = () if np.isnan(values).all() else ("3", "3")
    assert map_picture(points(np.ones((5, 2))), Colors("same", values, (), ends)).size[0] > SIDE
