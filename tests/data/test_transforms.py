import numpy as np
import pytest
import torch

from refusals import refused
from variate.config.schema import Schema
from variate.data.arrays import from_arrays
from variate.data.source import Source
from variate.data.transforms import ROWS_STREAM, DrawBits, binarized, draw_bits, with_bits
from variate.errors import Option

DRAWS, STANDARD_ERRORS = 40_000, 4.5


class Uniform:
    """Random numbers of a batch."""

    def __init__(self, seed=0):
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, shape):
        return torch.rand(shape, generator=self.generator, dtype=torch.float32)


def in_numpy(grey, levels):
    return draw_bits(grey, levels, np.random.default_rng(0))


def in_a_batch(grey, levels):
    batch = from_arrays(grey, schema=Schema("pixels", grey.shape[1:], levels)).all()
    return DrawBits(levels)(batch, Uniform()).x.numpy()


@pytest.mark.parametrize("draw", [in_numpy, in_a_batch])
@pytest.mark.parametrize("levels", [2, 17, 256])
def test_every_level_becomes_one_as_often_as_it_should(levels, draw):
    grey = np.broadcast_to(np.arange(levels, dtype=np.uint8), (DRAWS, levels))
    bits = draw(grey, levels)
    p = np.arange(levels) / (levels - 1)
    stderr = np.sqrt(p * (1 - p) / DRAWS)
    assert bits.dtype == np.uint8
    assert set(np.unique(bits)) == {0, 1}
    assert (abs(bits.mean(axis=0) - p) <= STANDARD_ERRORS * stderr).all()  # so 0 and 1 exactly at black and white


def test_a_batch_is_drawn_anew_and_keeps_its_other_parts():
    batch = from_arrays(np.full((6, 50), 128, np.uint8), context=np.arange(6)).all()
    key = Uniform()
    first, second = DrawBits(256)(batch, key), DrawBits(256)(batch, key)
    assert (first.x != second.x).any()
    assert first.context is batch.context
    assert first.rows is batch.rows


def test_what_is_expected_of_a_batch_is_how_likely_one_is():
    batch = from_arrays(np.array([[0, 4], [8, 16]], np.uint8), schema=Schema("pixels", (2,), 17)).all()
    assert DrawBits(17).expected(batch).x.tolist() == [[0, 0.25], [0.5, 1]]


def test_bits_depend_on_the_seed_and_the_place_alone():
    grey = from_arrays(np.full((6, 50), 128, np.uint8), name="x").replace(notes=("a note",))
    source = Source(grey, grey)
    once, again, other = binarized(source, 3), binarized(source, 3), binarized(source, 4)
    np.testing.assert_array_equal(once.x.all(), again.x.all())
    np.testing.assert_array_equal(once.test.x.all(), again.test.x.all())
    assert (once.x.all() != other.x.all()).any()
    assert (once.x.all() != once.test.x.all()).any()
    assert once.schema == once.test.schema == Schema("binary", (50,), levels=256)
    assert (once.notes, once.name) == (("a note",), "x")


def test_bits_drawn_once_are_not_drawn_again():
    bits = Schema("binary", (4,), levels=256)
    grey = from_arrays(np.full((6, 4), 255, np.uint8)).replace(schema=bits, transforms=(DrawBits(256),))
    drawn = with_bits(grey, bits, 0, ROWS_STREAM)
    assert (drawn.transforms, drawn.x.all().min()) == ((), 1)


@pytest.mark.parametrize("kind", ["binary", "real", "counts"])
def test_only_pixels_can_be_made_bits(kind):
    source = Source(from_arrays(np.zeros((2, 3)), schema=Schema(kind, (3,)), name="x"))
    error = refused(binarized, source, 0)
    assert error.argument == "binarize"
    assert all(word in error.got for word in ("x", kind))
    assert Option("kind", "pixels") in error.remedy.parts
