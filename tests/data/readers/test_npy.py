import io
import zipfile

import numpy as np
import pytest

from variate.config.recipe import DataOptions
from variate.data.readers.npy import read_npy, read_npz
from variate.errors import InputError
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
    np.testing.assert_array_equal(rows.values, values)
    assert rows.values.flags.c_contiguous
    assert rows.name == "x.npy"


@pytest.mark.parametrize("cut", [1, 100, 470])
def test_npy_cut_short(tmp_path, cut):
    (tmp_path / "x.npy").write_bytes(npy_bytes(X)[:-cut])
    with pytest.raises(InputError, match=r"x\.npy is cut short: its header says 480 bytes of numbers"):
        read_npy(tmp_path / "x.npy", OPTIONS, None)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"hello world, this is text", npy_bytes(X)[:30]])
def test_npy_without_a_header(tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npy does not begin as an array of numpy\.save does"):
        read_npy(tmp_path / "x.npy", OPTIONS, None)


def test_npy_header_that_lies_takes_no_memory(tmp_path):
    (tmp_path / "x.npy").write_bytes(claiming((2**40, 2**10)))
    with pytest.raises(InputError, match="is cut short"):
        read_npy(tmp_path / "x.npy", OPTIONS, None)


def test_npy_larger_than_the_machine(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr(memory, "physical", lambda: 479)
    with pytest.raises(InputError, match=r"x\.npy needs .* GiB"):
        read_npy(tmp_path / "x.npy", DataOptions(stream="off"), None)


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[print]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="holds Python objects, which are never unpickled"):
        read_npy(tmp_path / "x.npy", OPTIONS, None)


@pytest.mark.parametrize("key", ["x", "data", "images", "train", "x_train", "anything"])
def test_npz_rows_by_name_or_alone(tmp_path, key):
    np.savez(tmp_path / "x.npz", **{key: X})
    np.testing.assert_array_equal(read_npz(tmp_path / "x.npz", None, OPTIONS, None).values, X)


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("x_train", "x_test")])
def test_npz_with_an_official_test_set(tmp_path, train, test):
    np.savez_compressed(tmp_path / "x.npz", **{train: X, test: X[:4] + 1, "y_train": np.arange(20)})
    rows = read_npz(tmp_path / "x.npz", None, OPTIONS, None)
    np.testing.assert_array_equal(rows.values, X)
    np.testing.assert_array_equal(rows.test, X[:4] + 1)


def test_npz_key_picks_one(tmp_path):
    np.savez(tmp_path / "x.npz", a=X, b=X + 1, test=X)
    rows = read_npz(tmp_path / "x.npz", "b", OPTIONS, None)
    np.testing.assert_array_equal(rows.values, X + 1)
    assert rows.name == "x.npz:b"
    assert rows.test is None


def test_npz_of_several_names_them(tmp_path):
    np.savez(tmp_path / "x.npz", b=X, a=X)
    with pytest.raises(InputError, match=r"x\.npz holds 2 arrays, a, b, and none is named .* x\.npz:NAME"):
        read_npz(tmp_path / "x.npz", None, OPTIONS, None)
    with pytest.raises(InputError, match=r"x\.npz has no array 'c'; known: a, b"):
        read_npz(tmp_path / "x.npz", "c", OPTIONS, None)


def test_npz_of_none(tmp_path):
    np.savez(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"x\.npz holds no arrays"):
        read_npz(tmp_path / "x.npz", None, OPTIONS, None)


def test_npz_cut_short(tmp_path):
    np.savez(tmp_path / "x.npz", x=X)
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[:-50])
    with pytest.raises(InputError, match=r"x\.npz is no whole \.npz archive"):
        read_npz(tmp_path / "x.npz", None, OPTIONS, None)


def test_npz_damaged(tmp_path):
    np.savez(tmp_path / "x.npz", x=X)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[300] ^= 255  # within the numbers: the archive's checksum tells
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npz is no whole \.npz archive \(Bad CRC-32"):
        read_npz(tmp_path / "x.npz", None, OPTIONS, None)


def test_npz_member_whose_header_lies(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", claiming((2**40, 2)))
    with pytest.raises(InputError, match=r"x\.npz:x is cut short"):
        read_npz(tmp_path / "x.npz", None, OPTIONS, None)
