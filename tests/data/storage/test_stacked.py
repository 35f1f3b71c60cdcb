import numpy as np
import pytest

from refusals import refused
from variate.data.storage.stacked import Stacked, chunks, grouped, native

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["u1", "<f4", ">f4", ">i2", "g"])
def test_stacked_is_the_arrays_below_one_another(dtype):
    parts = [RNG.integers(0, 200, (n, 2, 3)).astype(dtype) for n in (4, 1, 7)]
    whole, stacked = np.concatenate(parts), Stacked(parts)
    assert (stacked.shape, stacked.ndim, len(stacked)) == (whole.shape, whole.ndim, len(whole))
    assert stacked.dtype == native(whole.dtype)
    assert stacked.dtype.isnative
    for axis in (None, 0):
        np.testing.assert_array_equal(stacked.min(axis), whole.min(axis))
        np.testing.assert_array_equal(stacked.max(axis), whole.max(axis))
    for start in range(len(whole)):
        for stop in range(start + 1, len(whole) + 1):
            np.testing.assert_array_equal(stacked[start:stop], whole[start:stop])
    index = RNG.integers(0, len(whole), 40)
    np.testing.assert_array_equal(stacked.take(index), whole[index])
    assert stacked.take(index).dtype == stacked[:2].dtype == stacked.dtype


def test_what_stands_for_nan_is_there_however_rows_are_read():
    parts = [np.where(RNG.random((n, 3)) < 0.4, np.nan, RNG.normal(size=(n, 3))) for n in (4, 1, 7)]
    filling, whole = np.array([1.0, -50.0, 50.0]), np.concatenate(parts)
    expected, found = np.where(np.isnan(whole), filling, whole), Stacked(parts).filled(filling)
    np.testing.assert_array_equal(found[2:9], expected[2:9])
    np.testing.assert_array_equal(found.take(np.array([11, 0, 4])), expected[[11, 0, 4]])
    assert (found.min(), found.max()) == (expected.min(), expected.max())


def test_ranges_show_what_is_not_finite():
    for bad in (np.nan, np.inf, -np.inf):
        stacked = Stacked([np.zeros((3, 2)), np.array([[0.0, bad]]), np.zeros((3, 2))])
        assert not (np.isfinite(stacked.min()) and np.isfinite(stacked.max()))


@pytest.mark.parametrize(("size", "lengths"), [(1, [1] * 9), (6, [3, 3, 3]), (8, [4, 4, 1]), (1000, [9])])
def test_chunks_are_all_rows_in_order(size, lengths, monkeypatch):
    monkeypatch.setattr("variate.data.storage.stacked.CHUNK", size)
    parts = [np.arange(10).reshape(5, 2), np.arange(10, 18).reshape(4, 2)]
    for values in (Stacked(parts), np.concatenate(parts)):
        found = list(chunks(values))
        assert [len(chunk) for chunk in found] == lengths
        np.testing.assert_array_equal(np.concatenate(found), np.concatenate(parts))


def test_rows_are_grouped_by_part():
    starts, index = np.array([0, 3, 4, 9]), np.array([8, 0, 3, 8, 2, 5])
    found = dict(grouped(index, starts))
    assert {number: index[places].tolist() for number, places in found.items()} == {0: [0, 2], 1: [3], 2: [5, 8, 8]}


def test_a_mapped_file_that_was_cut_short_is_refused(tmp_path):
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", np.full((2000, 3), number))
    stacked = Stacked([np.load(tmp_path / f"{number}.npy", mmap_mode="r") for number in range(3)])
    with (tmp_path / "1.npy").open("rb+") as stream:
        stream.truncate(1000)
    np.testing.assert_array_equal(stacked.take(np.array([0, 4000])), [[0] * 3, [2] * 3])
    assert (stacked[4000:4010] == 2).all()
    for read in (lambda: stacked.take(np.array([0, 3999])), lambda: stacked[1990:2010]):
        error = refused(read)
        assert (error.argument, error.got) == (str(tmp_path / "1.npy"), "1,000")
        assert error.expected.startswith(f"{128 + 2000 * 3 * 8:,} bytes")


def test_a_mapped_file_that_was_replaced_or_deleted_stays(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((10, 2)))
    stacked = Stacked([np.load(tmp_path / "x.npy", mmap_mode="r")])
    (tmp_path / "y").write_bytes(b"short")
    (tmp_path / "y").replace(tmp_path / "x.npy")
    (tmp_path / "x.npy").unlink()
    assert (stacked.take(np.arange(10)) == 1).all()
