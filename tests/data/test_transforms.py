import numpy as np
import pytest

from variate.config.recipe import Schema
from variate.data import Rows, binarized
from variate.data.transforms import draw
from variate.errors import InputError

DRAWS, STANDARD_ERRORS = 40_000, 4.5


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_every_level_becomes_one_as_often_as_it_should(levels):
    grey = np.broadcast_to(np.arange(levels, dtype=np.uint8), (DRAWS, levels))
    bits = draw(grey, levels, np.random.default_rng(0))
    p = np.arange(levels) / (levels - 1)
    stderr = np.sqrt(p * (1 - p) / DRAWS)
    assert bits.dtype == np.uint8
    assert set(np.unique(bits)) == {0, 1}
    assert (abs(bits.mean(axis=0) - p) <= STANDARD_ERRORS * stderr).all()  # so 0 and 1 exactly at black and white


def test_bits_depend_on_the_seed_and_the_place_alone():
    grey = np.full((6, 50), 128, np.uint8)
    rows = Rows(grey, Schema("pixels", (50,), levels=256), ("a note",), "x", test=grey)
    once, again, other = binarized(rows, 3), binarized(rows, 3), binarized(rows, 4)
    np.testing.assert_array_equal(once.values, again.values)
    np.testing.assert_array_equal(once.test, again.test)
    assert (once.values != other.values).any()
    assert (once.values != once.test).any()
    assert once.schema == Schema("binary", (50,), levels=256)
    assert (once.notes, once.name) == (("a note",), "x")


@pytest.mark.parametrize("kind", ["binary", "real", "counts"])
def test_only_pixels_can_be_made_bits(kind):
    rows = Rows(np.zeros((2, 3)), Schema(kind, (3,)), name="x")
    with pytest.raises(InputError, match=f"binarize turns grey levels into bits, and x holds {kind}"):
        binarized(rows, 0)
