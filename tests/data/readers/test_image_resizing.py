"""Images of another size: what is missing has no part in what is observed."""

import numpy as np
import pytest
from PIL import Image

from variate.data.readers.image_resizing import channels_first, resized, resized_where_seen

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (3, 12, 10)).astype(np.uint8)


def plain(image, size):
    return channels_first(resized(Image.fromarray(np.moveaxis(image, 0, -1)), size))


def test_an_image_of_its_own_size_is_as_it_was_where_it_is_observed():
    seen = RNG.random((12, 10)) < 0.7
    found, known = resized_where_seen(IMAGE, seen, (12, 10))
    np.testing.assert_array_equal(known, seen)
    np.testing.assert_array_equal(found, IMAGE * seen)


@pytest.mark.parametrize("size", [(6, 5), (5, 7), (24, 20)])
def test_without_gaps_it_is_the_plain_resizing(size):
    found, known = resized_where_seen(IMAGE, np.ones((12, 10), bool), size)
    assert known.all()
    np.testing.assert_array_equal(found, plain(IMAGE, size))


@pytest.mark.parametrize("size", [(6, 5), (5, 7), (24, 20)])
def test_what_is_missing_may_be_anything(size):
    seen = np.ones((12, 10), bool)
    seen[3:9, 4:8] = False
    found, known = resized_where_seen(IMAGE, seen, size)
    other = np.where(seen, IMAGE, RNG.integers(0, 256, IMAGE.shape).astype(np.uint8))
    again, same = resized_where_seen(other, seen, size)
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(same, known)
    assert 0 < known.sum() < known.size
    assert not found[:, ~known].any()


@pytest.mark.parametrize("size", [(6, 5), (5, 7), (24, 20)])
def test_one_colour_stays_what_it_is_up_to_the_edge_of_a_gap(size):
    seen = RNG.random((12, 10)) < 0.6
    found, known = resized_where_seen(np.full((1, 12, 10), 200, np.uint8), seen, size)
    assert set(found[:, known].tolist()[0]) == {200}


@pytest.mark.parametrize(("columns", "observed"), [(4, 1), (5, 2), (6, 2), (7, 2), (8, 3)])
def test_half_of_a_pixel_decides(columns, observed):
    seen = np.zeros((10, 12), bool)
    seen[:, :columns] = True
    _, known = resized_where_seen(IMAGE.transpose(0, 2, 1), seen, (10, 4))
    assert known.sum(axis=1).tolist() == [observed] * 10
