import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.array_sources import array_source, mapped_source
from variate.data.storage.stacked import Stacked
from variate.data.transforms import DrawBits
from variate.errors import Option

GREY = np.arange(2 * 5 * 6, dtype=np.uint8).reshape(2, 5, 6)
COLOR = np.arange(2 * 3 * 5 * 6, dtype=np.uint8).reshape(2, 3, 5, 6)
RNG = np.random.default_rng(0)
ARRAYS = {
    "bits": RNG.integers(0, 2, (50, 6)).astype("f4"),
    "bool": RNG.integers(0, 2, (50, 6)).astype(bool),
    "pixels": RNG.integers(0, 256, (50, 6, 6)).astype("u1"),
    "levels": RNG.integers(0, 256, (50, 1, 6, 6)),
    "scaled": (RNG.integers(0, 256, (50, 6, 6, 3)) / 255).astype("f4"),
    "scaled-halves": (RNG.integers(0, 256, (50, 6, 6)) / 255).astype("f2"),
    "counts": RNG.poisson(900, (50, 6)),
    "large-counts": RNG.integers(0, 2**40, (50, 6)),
    "negative": RNG.integers(-9, 9, (50, 6)).astype("i2"),
    "real": RNG.normal(size=(50, 6)),
    "halves": RNG.normal(size=(50, 6)).astype("f2"),
    "foreign": RNG.normal(size=(50, 6)).astype(">f4"),
    "whole-floats": RNG.integers(0, 9, (50, 6)).astype("f8"),
    "constant": np.concatenate([RNG.normal(size=(50, 5)), np.ones((50, 2))], axis=1),
}


def with_nan(values):
    """The values as floats, with NaN in some places, in a whole element and in a whole row."""
    gaps = RNG.random(values.shape) < 0.2
    gaps[9], gaps.reshape(len(values), -1)[:, 3] = True, True
    return np.where(gaps, np.nan, values).astype(values.dtype if values.dtype.kind == "f" else "f4")


ARRAYS |= {f"{name} with NaN": with_nan(ARRAYS[name]) for name in ("bits", "pixels", "scaled", "real", "foreign")}
ARRAYS |= {"constant with NaN": with_nan(ARRAYS["constant"])}


def on_disk(values, options=DataOptions(), schema=None):  # noqa: B008
    return mapped_source(np.split(values, [7, 20]), options, schema, "x", (1, 2, 3))


def test_an_array_becomes_rows():
    source = array_source(COLOR.transpose(0, 2, 3, 1), name="x")
    np.testing.assert_array_equal(source.x.all(), COLOR)
    assert source.x.all().flags.c_contiguous
    assert (source.schema, source.name, source.notes) == (Schema("pixels", (3, 5, 6), levels=256), "x", ())
    assert source.in_memory


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_on_disk_are_those_in_memory(name, monkeypatch):
    monkeypatch.setattr("variate.data.storage.stacked.CHUNK", 40)
    expected, found = array_source(ARRAYS[name], name="x"), on_disk(ARRAYS[name])
    assert (found.in_memory, found.sizes) == (False, (1, 2, 3))
    assert (found.schema, found.notes, found.name) == (expected.schema, expected.notes, expected.name)
    assert (len(found), found.x.shape, found.x.dtype) == (50, expected.schema.shape, expected.x.dtype)
    index = RNG.integers(0, 50, 70)
    if "NaN" in name:
        assert not found.dataset.mask.in_memory
        np.testing.assert_array_equal(found.dataset.mask.take(index), expected.dataset.mask.take(index))
        assert any("1 of 50 rows has no observed value" in note for note in found.notes)
    else:
        assert found.dataset.mask is expected.dataset.mask is None
    taken = found.x.take(index)
    np.testing.assert_array_equal(taken, expected.x.take(index))
    assert taken.dtype == expected.x.dtype
    again = on_disk(ARRAYS[name], schema=expected.schema)
    assert (again.schema, again.dataset.transforms) == (expected.schema, ())
    np.testing.assert_array_equal(again.x.take(index), taken)


def test_kind_asked_for_overrides_what_it_looks_like():
    source = array_source(GREY.astype(np.float64), DataOptions(kind="counts"))
    assert source.schema == Schema("counts", (1, 5, 6))
    assert source.x.dtype == np.int32
    assert source.notes == ()


@pytest.mark.parametrize("make", [array_source, on_disk])
def test_a_kind_that_cannot_be_is_refused(make):
    error = refused(make, ARRAYS["real"], DataOptions(kind="counts"))
    assert "counts" in error.expected
    assert Option("kind") in error.remedy.parts


def test_the_test_set_is_read_as_the_rows_are():
    source = array_source(GREY / 7, test=np.zeros((4, 5, 6)))  # the test set looks binary, but the rows are real
    assert source.schema.kind == source.test.schema.kind == "real"
    assert source.test.shape == (1, 5, 6)
    assert source.test.x.dtype == source.x.dtype == np.float64
    assert len(source) == 6
    np.testing.assert_array_equal(source.all_rows().x.all(), np.concatenate([GREY / 7, np.zeros((4, 5, 6))])[:, None])


def test_a_test_set_of_another_shape_is_refused():
    error = refused(array_source, GREY, test=GREY.transpose(0, 2, 1), name="x")
    assert error.argument == "the test set of x"
    assert "1x5x6" in error.expected
    assert "1x6x5" in error.got


def test_a_model_sets_the_kind():
    schema = Schema("real", (1, 5, 6))
    source = array_source(GREY, DataOptions(kind="pixels"), schema)
    assert source.schema == schema
    assert source.x.dtype == np.float32
    np.testing.assert_array_equal(source.x.all()[:, 0], GREY)


def test_a_model_of_enough_levels_takes_the_rows():
    schema = Schema("pixels", (1, 5, 6), levels=60)
    assert array_source(GREY, schema=schema).schema == schema


@pytest.mark.parametrize(
    ("values", "schema", "expected", "got"),
    [
        (GREY, Schema("pixels", (1, 5, 6), levels=59), "0 to 58", "59"),
        (GREY, Schema("pixels", (1, 6, 6), levels=256), "1x6x6", "1x5x6"),
        (COLOR, Schema("pixels", (90,), levels=256), "90", "3x5x6"),
        (GREY, Schema("binary", (1, 5, 6)), "binary", "0 to 59"),
        (COLOR.reshape(2, -1), Schema("table", (90,)), "a table with named columns", "no names"),
    ],
)
@pytest.mark.parametrize("make", [array_source, on_disk])
def test_a_model_refuses_rows_that_are_not_its_own(make, values, schema, expected, got):
    error = refused(make, np.repeat(values, 15, axis=0), DataOptions(), schema)
    assert error.argument == ("x" if make is on_disk else "the array")
    assert expected in error.expected
    assert got in error.got
    if schema.shape == (1, 6, 6):
        assert Option("size", (6, 6)) in error.remedy.parts


def test_a_model_of_bits_draws_them_from_grey_levels():
    schema = Schema("binary", (1, 5, 6), levels=256)
    extremes = np.where(GREY % 2, 255, 0).astype(np.uint8)
    source = array_source(extremes, schema=schema, test=extremes[:1])
    np.testing.assert_array_equal(source.all_rows().x.all()[:, 0], (GREY % 2)[[0, 1, 0]])
    assert source.schema == source.test.schema == schema
    assert len(source.notes) == 1
    assert "256 grey levels" in source.notes[0]


def test_a_model_of_bits_draws_them_later_from_grey_levels_on_disk():
    schema = Schema("binary", (1, 6, 6), levels=256)
    source = on_disk(ARRAYS["pixels"], schema=schema)
    assert (source.schema, source.dataset.transforms) == (schema, (DrawBits(256),))
    np.testing.assert_array_equal(source.x.all(), ARRAYS["pixels"][:, None])


@pytest.mark.parametrize("make", [array_source, on_disk])
def test_a_model_of_drawn_bits_takes_bits(make):
    bits = np.repeat(GREY % 2, 15, axis=0)
    source = make(bits, DataOptions(), Schema("binary", (1, 5, 6), levels=256))
    np.testing.assert_array_equal(source.x.all()[:, 0], bits)
    assert (source.notes, source.dataset.transforms) == ((), ())


@pytest.mark.parametrize("name", ["bits", "pixels", "scaled", "real", "foreign"])
def test_the_kind_of_an_array_with_nan_is_that_of_its_values(name):
    values = ARRAYS[f"{name} with NaN"]
    source = array_source(values, name="x")
    assert source.schema.kind == {"foreign": "real", "bits": "binary", "real": "real"}.get(name, "pixels")
    assert not source.x.all()[~source.dataset.mask.all()].any()
    again = array_source(values, schema=source.schema, name="x")
    np.testing.assert_array_equal(again.x.all(), source.x.all())


def test_gaps_on_disk_are_found_a_chunk_at_a_time(monkeypatch):
    monkeypatch.setattr("variate.data.storage.stacked.CHUNK", 40)
    read = []
    reading = Stacked.__getitem__

    def counted(self, rows):
        found = reading(self, rows)
        read.append(found.size)
        return found

    monkeypatch.setattr(Stacked, "__getitem__", counted)
    monkeypatch.setattr(Stacked, "take", None)
    on_disk(ARRAYS["real with NaN"])
    assert max(read) <= 40


def test_a_test_set_may_have_gaps_where_the_rows_have_none_and_the_other_way_round():
    values, gaps = ARRAYS["real"], with_nan(ARRAYS["real"])
    for rows, test in ((values, gaps), (gaps, values), (gaps, gaps)):
        source = array_source(rows, name="x", test=test)
        mask = ~np.isnan(np.concatenate([rows, test]))
        everything = source.all_rows()
        np.testing.assert_array_equal(everything.mask.all(), mask)
        np.testing.assert_array_equal(everything.x.all(), np.where(mask, np.concatenate([rows, test]), 0))
