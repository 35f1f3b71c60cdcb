import io
import zipfile

import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data.readers.npy import archive_and_key, is_npz, read_npy, read_npz
from variate.runtime import memory

X = np.random.default_rng(0).normal(size=(20, 3))
OPTIONS = DataOptions()


def npy_bytes(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def claiming(shape, dtype="<f8"):
    """A header alone, of an array of that shape."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize("values", [X, np.asfortranarray(X), X.astype(">f4")])
def test_npy_comes_back(tmp_path, values):
    np.save(tmp_path / "x.npy", values)
    rows = read_npy(tmp_path / "x.npy", OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all(), values)
    assert rows.x.all().flags.c_contiguous
    assert rows.name == "x.npy"


@pytest.mark.parametrize(
    ("content", "expected", "got"),
    [
        (npy_bytes(X)[:-1], "480 bytes of numbers", "cut short"),
        (npy_bytes(X)[:-470], "480 bytes of numbers", "cut short"),
        (claiming((2**40, 2**10)), "bytes of numbers", "cut short"),
        (npy_bytes(X)[:30], "numpy.save", "begin"),
        (b"", "numpy.save", "begin"),
        (b"\x93NUMPY", "numpy.save", "begin"),
        (b"hello world, this is text", "numpy.save", "begin"),
    ],
)
@pytest.mark.parametrize("switch", ["on", "off"])
def test_npy_that_is_broken(tmp_path, content, expected, got, switch):
    (tmp_path / "x.npy").write_bytes(content)
    error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream=switch), None)
    assert error.argument == "x.npy"
    assert expected in error.expected
    assert got in error.got


@pytest.mark.parametrize("limit", [479, 480])
def test_npy_larger_than_the_machine(tmp_path, monkeypatch, limit):
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr(memory, "physical", lambda: limit)
    if limit < 480:
        error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream="off"), None)
        assert (error.argument, "GiB" in error.got) == ("x.npy", True)
    else:
        assert read_npy(tmp_path / "x.npy", DataOptions(stream="off"), None).in_memory
    assert not read_npy(tmp_path / "x.npy", OPTIONS, None).in_memory  # more than half of it: streamed


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[print]], dtype=object), allow_pickle=True)
    assert "never unpickled" in refused(read_npy, tmp_path / "x.npy", OPTIONS, None).got


@pytest.mark.parametrize(
    ("values", "argument", "got"),
    [
        (np.array([[1.0, np.nan], [2, 3], [np.inf, 0]]), "x.npy", "NaN or infinity in 2 of 3 rows, first in row 0"),
        (np.zeros((2, 3, 2, 3, 3)), "x.npy", "5 axes"),
        (np.zeros((0, 3)), "x.npy", "empty"),
        (np.array([["a", "b"]]), "x.npy", "type <U1"),
        (np.asfortranarray(X), "x.npy", "column by column"),
    ],
)
def test_what_cannot_be_streamed(values, argument, got, tmp_path):
    np.save(tmp_path / "x.npy", values)
    error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream="on"), None)
    assert error.argument == argument
    assert got in error.got


@pytest.mark.parametrize("key", ["x", "data", "images", "train", "x_train", "anything"])
def test_npz_rows_by_name_or_alone(tmp_path, key):
    np.savez(tmp_path / "x.npz", **{key: X})
    np.testing.assert_array_equal(read_npz(tmp_path / "x.npz", OPTIONS, None).x.all(), X)


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("x_train", "x_test")])
def test_npz_with_an_official_test_set(tmp_path, train, test):
    np.savez_compressed(tmp_path / "x.npz", **{train: X, test: X[:4] + 1, "y_train": np.arange(20)})
    rows = read_npz(tmp_path / "x.npz", OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all(), X)
    np.testing.assert_array_equal(rows.test.x.all(), X[:4] + 1)


def test_npz_key_picks_one(tmp_path):
    np.savez(tmp_path / "x.npz", a=X, b=X + 1, test=X)
    rows = read_npz(tmp_path / "x.npz:b", OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all(), X + 1)
    assert rows.name == "x.npz:b"
    assert rows.test is None


def test_npz_of_several_names_them(tmp_path):
    np.savez(tmp_path / "x.npz", b=X, a=X)
    error = refused(read_npz, tmp_path / "x.npz", OPTIONS, None)
    assert (error.argument, error.remedy) == ("x.npz", "choose one with x.npz:NAME")
    assert "x_train" in error.expected
    assert "2 arrays: a, b" in error.got
    error = refused(read_npz, tmp_path / "x.npz:c", OPTIONS, None)
    assert (error.argument, error.expected, error.got) == ("array of x.npz", "one of a, b", "'c'")


def test_a_file_with_a_colon_is_itself(tmp_path):
    (tmp_path / "x.npz:b").write_bytes(b"")
    assert archive_and_key(tmp_path / "x.npz:b") == (tmp_path / "x.npz:b", None)
    assert archive_and_key(tmp_path / "x.npz:c") == (tmp_path / "x.npz", "c")
    assert is_npz(tmp_path / "x.npz:c")
    assert not is_npz(tmp_path / "x.npy:c")


def damaged(content):
    content = bytearray(content)
    content[300] ^= 255  # within the numbers: the archive's checksum tells
    return bytes(content)


@pytest.mark.parametrize(
    ("damage", "got"),
    [(lambda content: content[:-50], "damaged"), (damaged, "Bad CRC-32"), (None, "without arrays")],
)
def test_npz_that_is_broken(tmp_path, damage, got):
    np.savez(tmp_path / "x.npz", **({"x": X} if damage else {}))
    if damage:
        (tmp_path / "x.npz").write_bytes(damage((tmp_path / "x.npz").read_bytes()))
    error = refused(read_npz, tmp_path / "x.npz", OPTIONS, None)
    assert "x.npz" in error.argument
    assert got in error.got


def test_npz_member_whose_header_lies(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", claiming((2**40, 2)))
    error = refused(read_npz, tmp_path / "x.npz", OPTIONS, None)
    assert (error.argument, "cut short" in error.got) == ("x.npz:x", True)
