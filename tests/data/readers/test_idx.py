import gzip
import struct

import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data.readers import idx

OPTIONS = DataOptions()
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 4, 5)).astype(np.uint8)
CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(values):
    """An independent writer of the format."""
    code = CODES[values.dtype.str[1:]]
    header = struct.pack(">BBBB", 0, 0, code, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(values.dtype.newbyteorder(">")).tobytes()


def write(path, content):
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
@pytest.mark.parametrize("dtype", CODES)
def test_comes_back(tmp_path, name, dtype):
    values = IMAGES.astype(dtype)
    path = write(tmp_path / name, idx_bytes(values))
    assert idx.is_idx(path)
    np.testing.assert_array_equal(idx.read_idx_array(path), values)


def test_rows(tmp_path):
    rows = idx.read_idx(write(tmp_path / "a-idx3-ubyte", idx_bytes(IMAGES)), OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all(), IMAGES[:, None])
    assert (rows.schema.kind, rows.schema.levels, rows.test) == ("pixels", 256, None)


@pytest.mark.parametrize("ending", idx.IDX_ENDINGS)
def test_folder_with_its_test_set(tmp_path, ending):
    write(tmp_path / f"train-images{ending}", idx_bytes(IMAGES))
    write(tmp_path / f"t10k-images{ending}", idx_bytes(IMAGES[:2]))
    rows = idx.read_idx_folder(tmp_path, OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all(), IMAGES[:, None])
    np.testing.assert_array_equal(rows.test.x.all(), IMAGES[:2, None])


def test_folder_without_test_set(tmp_path):
    write(tmp_path / "train-images-idx3-ubyte", idx_bytes(IMAGES))
    assert idx.read_idx_folder(tmp_path, OPTIONS, None).test is None


@pytest.mark.parametrize("name", ["a", "a.gz"])
@pytest.mark.parametrize(
    ("content", "expected", "got"),
    [
        (idx_bytes(IMAGES)[:-1], "140 bytes of values for its shape (7, 4, 5)", "only 139"),
        (idx_bytes(IMAGES) + b"x", "140 bytes", "more"),
        (idx_bytes(IMAGES)[:9], "complete", "within its header"),
        (idx_bytes(np.arange(10, dtype=np.uint8)), "images", "looks like labels"),
        (b"not an idx file", "idx", "begin"),
        (b"", "idx", "begin"),
        (struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), "bytes of values", "cut short"),
    ],
)
def test_what_is_broken_is_refused(tmp_path, name, content, expected, got):
    error = refused(idx.read_idx_array, write(tmp_path / name, content))
    assert error.argument == str(tmp_path / name)
    assert expected in error.expected
    assert got in error.got


def test_gzip_cut_short(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx_bytes(IMAGES))[:-20])
    assert "damaged" in refused(idx.read_idx_array, path).got


def test_gzip_bomb_is_unpacked_no_further_than_its_header_says(tmp_path, monkeypatch):
    path = write(tmp_path / "a.gz", idx_bytes(IMAGES) + bytes(10**6))
    taken = []
    read = gzip.GzipFile.read

    def counted(stream, size=-1):
        taken.append(size)
        return read(stream, size)

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    assert refused(idx.read_idx_array, path).got == "more"
    assert all(0 <= size <= IMAGES.size + 1 for size in taken)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:30] + b"\xff" * 8 + content[38:],
        lambda content: content[:3] + b"\xff" + content[4:],
        lambda content: content[:-8] + bytes(8),
        lambda content: content + b"garbage",
        lambda content: content[:2] + b"\x63" + content[3:],
    ],
)
def test_gzip_that_is_damaged(tmp_path, damage):
    path = tmp_path / "a.gz"
    path.write_bytes(damage(gzip.compress(idx_bytes(IMAGES), mtime=0)))
    assert refused(idx.read_idx_array, path).argument == str(path)
    assert idx.is_idx(path) in (True, False)


def test_gzip_in_parts(tmp_path):
    content = idx_bytes(IMAGES)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content[:50]) + gzip.compress(content[50:]) + bytes(10))
    np.testing.assert_array_equal(idx.read_idx_array(path), IMAGES)


def test_an_empty_array_of_impossible_shape(tmp_path):
    path = write(tmp_path / "a", struct.pack(">BBBBIIII", 0, 0, 8, 4, 0, 2**32 - 1, 2**32 - 1, 2**32 - 1))
    assert refused(idx.read_idx_array, path).argument == str(path)


def test_a_file_that_may_not_be_read_is_not_called_another(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(idx, "_open_idx", denied)
    with pytest.raises(PermissionError):
        idx.is_idx(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"\x1f\x8bgarbage", b"hello", b"\0\0\x08\x09"])
def test_other_files_are_not_taken_for_it(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    assert not idx.is_idx(path)
