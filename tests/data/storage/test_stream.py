import sys
import tracemalloc

import numpy as np
import pytest

from variate.config.recipe import DataOptions, Schema
from variate.data import in_memory, read, split
from variate.data.schema import kinds
from variate.data.storage import stacked, stream
from variate.data.storage.stacked import Stacked
from variate.data.storage.stream import ArrayStream, Rest, Stream, Streamed, spread
from variate.errors import InputError

RNG = np.random.default_rng(0)
ON, OFF = DataOptions(stream="on"), DataOptions(stream="off")
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


class Virtual(Stream):
    """Rows that say their number, as many as one likes."""

    def __init__(self, count, width=1):
        self.shape, self.dtype = (width,), np.dtype(np.float64)
        step = max(stream.BLOCK, -(-count // stream.MOST_BLOCKS))
        self.bounds = np.append(np.arange(0, count, step), count)

    def take(self, index):
        return np.repeat(index[:, None].astype(float), self.shape[0], axis=1)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_streamed_array_is_the_one_that_is_read(name, tmp_path, monkeypatch):
    monkeypatch.setattr(stacked, "CHUNK", 40)
    np.save(tmp_path / "x.npy", ARRAYS[name])
    expected, found = (read(str(tmp_path / "x.npy"), options) for options in (OFF, ON))
    assert isinstance(found, Streamed)
    assert (found.schema, found.notes, found.name) == (expected.schema, expected.notes, expected.name)
    assert (len(found.rows), found.rows.shape) == (50, expected.schema.shape)
    index = RNG.integers(0, 50, 70)
    taken = found.rows.take(index)
    np.testing.assert_array_equal(taken, expected.values[index])
    assert taken.dtype == found.rows.dtype == expected.values.dtype
    again = read(str(tmp_path / "x.npy"), ON, schema=expected.schema)
    assert again.schema == expected.schema
    np.testing.assert_array_equal(again.rows.take(index), taken)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.array([[1.0, np.nan], [2, 3], [np.inf, 0]]), ON, "NaN or infinity in 2 of 3 rows, first in row 0"),
        (np.zeros((2, 3, 2, 3, 3)), ON, "x.npy has 5 axes"),
        (np.zeros((0, 3)), ON, "x.npy is empty"),
        (np.array([["a", "b"]]), ON, "x.npy holds values of type <U1"),
        (RNG.normal(size=(4, 4)), DataOptions(stream="on", kind="counts"), "was to be read as counts"),
        (np.asfortranarray(RNG.normal(size=(4, 4))), ON, "x.npy is stored column by column"),
    ],
)
def test_what_cannot_be_streamed(values, options, message, tmp_path):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(InputError) as error:
        read(str(tmp_path / "x.npy"), options)
    assert message in str(error.value)


def test_a_model_refuses_rows_that_are_not_its_own(tmp_path):
    np.save(tmp_path / "x.npy", ARRAYS["pixels"])
    for schema, message in [
        (Schema("pixels", (1, 5, 5), levels=256), "a row of x.npy is 1x6x6, but the model takes 1x5x5"),
        (Schema("pixels", (1, 6, 6), levels=17), "has a pixel of 255, but the model knows the levels 0 to 16"),
        (Schema("binary", (1, 6, 6)), "was to be read as binary"),
    ]:
        with pytest.raises(InputError, match=message):
            read(str(tmp_path / "x.npy"), ON, schema=schema)
    grey = read(str(tmp_path / "x.npy"), ON, schema=Schema("binary", (1, 6, 6), levels=256))
    assert grey.grey
    np.testing.assert_array_equal(grey.rows.take(np.arange(50)), ARRAYS["pixels"][:, None])


@pytest.mark.parametrize("left_out", [[], [0], [3, 4, 5], [0, 2, 19], [19], list(range(1, 20))])
def test_the_rest_is_the_rows_that_are_left(left_out):
    whole = ArrayStream(Stacked([np.arange(40).reshape(20, 2)]), kinds.Cast(np.dtype(np.int64)))
    whole.bounds = np.array([0, 3, 6, 7, 20])
    rest = Rest(whole, np.array(left_out, int))
    expected = np.delete(np.arange(40).reshape(20, 2), left_out, axis=0)
    assert len(rest) == len(expected)
    index = RNG.integers(0, len(rest), 50)
    np.testing.assert_array_equal(rest.take(index), expected[index])
    cuts = zip(rest.bounds[:-1], rest.bounds[1:], strict=True)
    blocks = [np.searchsorted(whole.bounds, expected[a:b, 0] // 2, side="right") for a, b in cuts]
    assert all(len(block) and (block == block[0]).all() for block in blocks)  # no block has rows of two of the whole
    assert len({int(block[0]) for block in blocks}) == len(blocks)


def test_samples_are_spread_and_their_beginnings_are_too(monkeypatch):
    for total, most in ((10, 3), (10, 10), (10, 99), (10**9, 1000)):
        index = spread(total, most)
        assert len(index) == min(total, most)
        assert index[0] == 0
        assert {int(step) // (total // len(index)) for step in np.diff(index)} <= {1, 2}
    rows = Virtual(10**9).some()[:, 0]
    assert len(rows) == stream.MOST_ROWS
    # Uniform on [0, 1): the mean of 1,000 is within 5 standard errors of 1/2.
    assert abs(rows[:1000].mean() / 10**9 - 0.5) < 5 / np.sqrt(12 * 1000)
    monkeypatch.setattr(stream, "SAMPLE_BYTES", 800)
    assert len(Virtual(10**6, width=10).some()) == 10
    values = np.zeros((3, 2))
    assert in_memory(values) is values


@pytest.mark.parametrize("count", [3, 100, 2_000_000])
def test_a_stream_is_parted_into_rows_in_memory_and_the_rest(count):
    parts = split(Streamed(Virtual(count), Schema("real", (1,)), ("a note",), "x", (8 * count,)), ON)
    held_out = np.concatenate([parts.validation, parts.test])[:, 0]
    assert len(parts.validation) == len(parts.test) == min(65_536, max(1, round(count / 10)))
    assert (np.diff(parts.validation[:, 0]) > 0).all()
    train = parts.train.take(np.arange(len(parts.train)))[:, 0]
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(count))
    assert (np.diff(train) > 0).all()
    assert (parts.notes, parts.name, parts.redraw) == (("a note",), "x", False)


def test_held_out_parts_of_long_rows_are_at_most_a_gibibyte(monkeypatch):
    monkeypatch.setattr(sys.modules["variate.data.split"], "HELD_OUT_BYTES", 800)
    parts = split(Streamed(Virtual(1000, width=10), Schema("real", (10,)), (), "x", (1,)), ON)
    assert len(parts.validation) == len(parts.test) == 10


def test_parting_takes_no_memory_for_the_rows():
    data = Streamed(Virtual(10**9), Schema("real", (1,)), (), "x", (8 * 10**9,))
    tracemalloc.start()
    try:
        parts = split(data, ON)
        parts.train.take(np.array([0, len(parts.train) - 1]))
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    assert len(parts.train) == 10**9 - 2 * 65_536


def test_the_seed_decides_what_is_held_out():
    data = Streamed(Virtual(1000), Schema("real", (1,)), (), "x", (1,))
    first, again, other = (split(data, DataOptions(split_seed=seed)).test for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert set(first[:, 0]) != set(other[:, 0])


def test_bits_are_drawn_anew_for_a_stream(tmp_path):
    grey = RNG.integers(0, 256, (400, 8, 8)).astype("u1")
    np.save(tmp_path / "x.npy", grey)
    options = DataOptions(stream="on", binarize="dynamic")
    data = read(str(tmp_path / "x.npy"), options)
    parts = split(data, options)
    assert parts.redraw
    assert (parts.schema.kind, parts.schema.levels) == ("binary", 256)
    for part in (parts.validation, parts.test):
        assert set(np.unique(part)) == {0, 1}
        assert abs(part.mean() - grey.mean() / 255) < 5 * 0.5 / np.sqrt(part.size)
    assert parts.train.some().max() > 1  # grey, to be drawn by training
    again = split(read(str(tmp_path / "x.npy"), options, schema=parts.schema), options)
    np.testing.assert_array_equal(again.test, parts.test)
    assert (again.fingerprint, again.redraw, again.schema) == (parts.fingerprint, True, parts.schema)
    with pytest.raises(InputError, match=r"--binarize fixed draws all bits once, .* use --binarize dynamic"):
        split(data, DataOptions(stream="on", binarize="fixed"))
    np.save(tmp_path / "y.npy", RNG.normal(size=(50, 4)))
    with pytest.raises(InputError, match=r"binarize turns grey levels into bits, and y\.npy holds real numbers"):
        split(read(str(tmp_path / "y.npy"), ON), options)


def test_the_fingerprint_is_of_type_shape_sizes_and_rows(tmp_path):
    def found(values, sizes=None):
        np.save(tmp_path / "x.npy", values)
        data = read(str(tmp_path / "x.npy"), ON)
        return split(data if sizes is None else data.__class__(data.rows, data.schema, (), "x", sizes), ON).fingerprint

    values = RNG.normal(size=(2000, 3))
    first = found(values)
    assert first == found(values.copy())
    changed = values.copy()
    changed[-1] += 1  # not among the rows that are looked at
    changed[0] += 1
    assert len({first, found(changed), found(values.astype("f4")), found(values[:-1]), found(values, (1,))}) == 5
