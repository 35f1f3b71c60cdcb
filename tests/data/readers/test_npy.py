import io
import struct
import zipfile

import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import read
from variate.data.readers import npy
from variate.data.readers.npy import archive_and_key, is_npz, read_npy, read_npz
from variate.runtime import memory

X = np.random.default_rng(0).normal(size=(20, 3))
OPTIONS = DataOptions()


def npy_bytes(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def with_header(text, version=(1, 0), length=None):
    """A file of that header, and of 1000 zeros."""
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + size + text.encode() + bytes(1000)


def header_text(shape="(4, 3)", descr="'<f4'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def claiming(shape, dtype="<f8"):
    """A header alone, of an array of that shape."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


@pytest.mark.parametrize("switch", ["on", "off"])
def test_nan_is_a_gap(tmp_path, switch):
    values = np.where(X > 0, X, np.nan)
    np.save(tmp_path / "x.npy", values)
    source = read_npy(tmp_path / "x.npy", DataOptions(stream=switch), None)
    np.testing.assert_array_equal(source.dataset.mask.all(), X > 0)
    np.testing.assert_array_equal(source.x.all(), np.where(X > 0, X, 0))
    assert f"{(X <= 0).sum()} of 60 values are missing (NaN, or masked)." in source.notes


def test_nan_is_a_gap_in_archives(tmp_path):
    np.savez(tmp_path / "x.npz", train=np.where(X > 0, X, np.nan), test=X)
    source = read_npz(tmp_path / "x.npz", OPTIONS, None)
    np.testing.assert_array_equal(source.dataset.mask.all(), X > 0)
    assert source.test.mask is None


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


BROKEN_HEADERS = {
    "no end": "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 3),",
    "no text": "\udcff" * 20,
    "names": "{'descr': '<f4', 'fortran_order': False, 'shape': (a, 3)}",
    "an expression": header_text("(2**100, 3)"),
    "a call": header_text("(exit(), 3)"),
    "nested": "[" * 150 + "]" * 150,
    "nested deeply": header_text("(" + "-" * 9000 + "1, 3)"),
    "a sum": header_text("(" + "1+" * 4000 + "1, 3)"),
    "digits": header_text(f"({'9' * 5000}, 3)"),
    "a large number": header_text(f"({'9' * 4000}, {'9' * 4000})"),
    "True": header_text("(True, 30)"),
    "negative": header_text("(-1, 3)"),
    "two negatives": header_text("(-4, -3)"),
    "an empty array of no size": header_text(f"(0, {2**62}, {2**62})"),
    "a list": header_text("[4, 3]"),
    "no shape": "{'descr': '<f4', 'fortran_order': False}",
    "a type that is none": header_text(descr="'<q9'"),
    "no type": header_text(descr="None"),
    "a type in a type": header_text(descr="('<f4', (2**40,))"),
    "null": "\0" * 100,
    "a warning": header_text("(1if 1else 2, 3)"),
}


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("text", BROKEN_HEADERS.values(), ids=BROKEN_HEADERS)
def test_headers_that_are_broken(tmp_path, text, version, switch):
    text = text.encode("latin-1", "replace").decode("latin-1")
    (tmp_path / "x.npy").write_bytes(with_header(text, version))
    error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream=switch), None)
    assert (error.argument, error.expected) == ("x.npy", "an array as numpy.save writes it")


@pytest.mark.parametrize("axes", [33, 100, 3000])
def test_more_axes_than_arrays_have(tmp_path, axes):
    (tmp_path / "x.npy").write_bytes(with_header(header_text("(" + "1, " * axes + ")")))
    error = refused(read_npy, tmp_path / "x.npy", OPTIONS, None)
    assert (error.argument, error.got) == ("x.npy", f"{axes:,} axes")


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("descr", ["V0", "S0", "U0", "S5", "V9", "M8[s]", "m8[s]", "c8", "f4,i4", "(2,)f4"])
def test_types_that_are_no_numbers(tmp_path, descr, archive):
    text = header_text(f"({10**12}, 3)" if descr.endswith("0") else "(4, 3)", repr(np.dtype(descr).descr[0][1]))
    if "," in descr:
        text = header_text(descr={"f4,i4": "[('a', '<f4'), ('b', '<i4')]", "(2,)f4": "('<f4', (2,))"}[descr])
    content = with_header(text)
    if archive:
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
            file.writestr("x.npy", content)
        error = refused(read, tmp_path / "x.npz")
    else:
        (tmp_path / "x.npy").write_bytes(content)
        error = refused(read, tmp_path / "x.npy")
    assert error.argument == ("x.npz:x" if archive else "x.npy")
    assert error.expected == "an array of real numbers"


@pytest.mark.parametrize("version", [(2, 0), (3, 0)])
def test_a_header_of_four_gigabytes_is_not_read(tmp_path, version):
    (tmp_path / "x.npy").write_bytes(with_header("{", version, 2**32 - 1))
    error = refused(read_npy, tmp_path / "x.npy", OPTIONS, None)
    assert (error.argument, "4,294,967,295 bytes" in error.got) == ("x.npy", True)


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_are_read(tmp_path, version, switch):
    content = with_header(header_text(), version)
    (tmp_path / "x.npy").write_bytes(content[: len(content) - 1000] + X.astype("<f4")[:4].tobytes())
    rows = read_npy(tmp_path / "x.npy", DataOptions(stream=switch), None)
    np.testing.assert_array_equal(rows.x.all(), X.astype("f4")[:4])
    assert rows.notes == ()


@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_second_array_in_a_file_is_mentioned(tmp_path, switch):
    (tmp_path / "x.npy").write_bytes(npy_bytes(X) + npy_bytes(X))
    rows = read_npy(tmp_path / "x.npy", DataOptions(stream=switch), None)
    np.testing.assert_array_equal(rows.x.all(), X)
    (note,) = rows.notes
    assert f"{len(npy_bytes(X))} bytes of x.npy" in note


@pytest.mark.parametrize("values", [X, np.asfortranarray(X), X.astype("f2"), X.astype("g"), X > 0, X.astype(">i2")])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_of_archives_come_back(tmp_path, values, save):
    save(tmp_path / "x.npz", x=values, test=values[:3])
    rows = read(tmp_path / "x.npz")
    np.testing.assert_array_equal(rows.x.all(), values)
    np.testing.assert_array_equal(rows.test.x.all(), values[:3])


@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_file_cut_short_after_its_header_was_read(tmp_path, monkeypatch, switch):
    np.save(tmp_path / "x.npy", X)
    header_of = npy._header_of

    def cut(file):
        header = header_of(file)
        file.write_bytes(file.read_bytes()[:300])
        return header

    monkeypatch.setattr(npy, "_header_of", cut)
    monkeypatch.setattr(npy, "_rest_of_file", lambda *_: [])
    error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream=switch), None)
    assert error.argument == "x.npy"


@pytest.mark.skipif(np.finfo("g").max <= np.finfo("d").max, reason="there are no longer floats on this machine")
@pytest.mark.parametrize("switch", ["on", "off"])
def test_numbers_that_no_float64_holds(tmp_path, switch):
    np.save(tmp_path / "x.npy", np.array([[1, 2], [np.longdouble("1e4000"), 3]]))
    error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream=switch), None)
    assert (error.argument, error.expected) == ("x.npy", "finite numbers")


@pytest.mark.parametrize("values", [[[1e200, 2], [-1e200, 3]], [[1e308, 0], [1e-308, 5]]])
@pytest.mark.parametrize("switch", ["on", "off"])
def test_numbers_that_no_float32_holds(tmp_path, switch, values):
    np.save(tmp_path / "x.npy", np.array(values))
    np.testing.assert_array_equal(read_npy(tmp_path / "x.npy", DataOptions(stream=switch), None).x.all(), values)


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize("number", [1, 2])
def test_single_numbers_are_no_rows(tmp_path, switch, number):
    for index in range(number):
        np.save(tmp_path / f"{index}.npy", np.float64(3.5))
    assert "()" in refused(read_npy, tmp_path, DataOptions(stream=switch), None).got


@pytest.mark.parametrize("limit", [479, 480])
def test_npy_larger_than_the_machine(tmp_path, monkeypatch, limit):
    np.save(tmp_path / "x.npy", X)
    monkeypatch.setattr(memory, "physical", lambda: limit)
    if limit < 480:
        error = refused(read_npy, tmp_path / "x.npy", DataOptions(stream="off"), None)
        assert (error.argument, "MiB" in error.got) == ("x.npy", True)
    else:
        assert read_npy(tmp_path / "x.npy", DataOptions(stream="off"), None).in_memory
    assert not read_npy(tmp_path / "x.npy", OPTIONS, None).in_memory  # more than half of it: streamed


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[print]], dtype=object), allow_pickle=True)
    assert "never unpickled" in refused(read_npy, tmp_path / "x.npy", OPTIONS, None).got


@pytest.mark.parametrize(
    ("values", "argument", "got"),
    [
        (np.array([[np.nan, 1.0], [-np.inf, np.nan], [np.inf, 0]]), "x.npy", "infinity in 2 of 3 rows, first in row 1"),
        (np.full((3, 2), np.nan), "x.npy", "none"),
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


def archive_of(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("place", [0.4, 0.6])
def test_npz_whose_compressed_bytes_are_damaged(tmp_path, method, place):
    path = archive_of(tmp_path / "x.npz", [("x.npy", npy_bytes(np.repeat(X, 50, axis=0)))], method)
    content = bytearray(path.read_bytes())
    middle = int(place * len(content))
    content[middle : middle + 20] = bytes(255 - byte for byte in content[middle : middle + 20])
    path.write_bytes(content)
    error = refused(read_npz, path, OPTIONS, None)
    assert (error.argument, error.remedy) == ("x.npz:x", "save it again")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_npz_with_two_arrays_of_one_name(tmp_path):
    path = archive_of(tmp_path / "x.npz", [("x.npy", npy_bytes(X)), ("x.npy", npy_bytes(X + 1))])
    assert refused(read_npz, path, OPTIONS, None).argument == "x.npz"


def test_npz_with_more_than_an_array_in_a_member(tmp_path):
    path = archive_of(tmp_path / "x.npz", [("x.npy", npy_bytes(X) + b"more")])
    assert refused(read_npz, path, OPTIONS, None).argument == "x.npz:x"


def test_npz_of_something_else(tmp_path):
    path = archive_of(tmp_path / "x.npz", [("picture.png", b"\x89PNG"), ("sub/", b"")])
    assert refused(read_npz, path, OPTIONS, None).argument == "x.npz"
    assert refused(read_npz, tmp_path / "x.npz:picture.png", OPTIONS, None).argument == "x.npz:picture.png"


def test_npz_that_is_encrypted(tmp_path):
    path = archive_of(tmp_path / "x.npz", [("x.npy", npy_bytes(X))])
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(read_npz, path, OPTIONS, None).got
