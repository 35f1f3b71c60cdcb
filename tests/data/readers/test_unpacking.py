import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import read
from variate.data.readers import unpacking
from variate.data.readers.unpacking import content, is_text_table, is_zipped_table, packed, text_suffix
from variate.errors import InputError
from variate.runtime import memory

TEXT = b"a,b\n1.5,2\n3.5,4\n"


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def unpacked(path):
    return content(packed(path))


def archive(tmp_path, members, name="x.zip", method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(tmp_path / name, "w", method) as made:
        for member, data in members.items():
            made.writestr(member, data)
    return tmp_path / name


def picture():
    made = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(made, "png")
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("x.csv", ".csv"),
        ("X.TSV.GZ", ".tsv"),
        ("a.b.data.xz", ".data"),
        ("x.gz", None),
        ("x.csv.zip", None),
        ("csv", None),
        (".csv", None),
        ("x.csv.npy", None),
    ],
)
def test_endings(tmp_path, name, suffix):
    assert text_suffix(name) == suffix
    assert is_text_table(tmp_path / name) == (suffix is not None)


def test_a_folder_is_no_table(tmp_path):
    for name in ("x.csv", "x.zip"):
        (tmp_path / name).mkdir()
    assert not is_text_table(tmp_path / "x.csv")
    assert not is_zipped_table(tmp_path / "x.zip")


def test_the_members_decide_what_an_archive_is(tmp_path):
    assert is_zipped_table(archive(tmp_path, {"a.csv": TEXT, "readme.md": b"x"}, "table.zip"))
    assert not is_zipped_table(archive(tmp_path, {"a.csv": TEXT, "p.png": picture()}, "images.zip"))
    assert not is_zipped_table(archive(tmp_path, {"readme.md": b"x"}, "none.zip"))
    assert not is_zipped_table(write(tmp_path, "damaged.zip", b"PK\x03\x04"))
    assert read(tmp_path / "images.zip").schema.kind != "table"
    assert "image" in refused(read, tmp_path / "none.zip").expected


def test_the_one_table_of_an_archive(tmp_path):
    members = {"a/b.tsv": TEXT, "readme.md": b"x", "__MACOSX/a/._b.tsv": b"\0", ".hidden.csv": TEXT}
    assert unpacked(archive(tmp_path, members)) == (
        TEXT,
        ".tsv",
        ["Left out: 1 other file of the archive than a/b.tsv."],
    )
    error = refused(unpacked, archive(tmp_path, {"a.csv": TEXT, "b/c.txt": TEXT}))
    assert (error.argument, error.got) == ("x.zip", "2 tables: a.csv, b/c.txt")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
def test_methods_of_archives(tmp_path, method):
    assert unpacked(archive(tmp_path, {"a.csv": TEXT}, method=method)).data == TEXT


def test_an_encrypted_archive(tmp_path):
    path = archive(tmp_path, {"a.csv": TEXT})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    error = refused(unpacked, write(tmp_path, "y.zip", bytes(data)))
    assert "encrypted" in error.got


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_damaged_files(tmp_path, suffix, pack):
    data = pack(TEXT * 1000)
    for damaged in (data[:-9], data[:40] + bytes([data[40] ^ 255]) + data[41:], b"hello", data[:-20] + b"x" * 20):
        error = refused(unpacked, write(tmp_path, f"x.csv{suffix}", damaged))
        assert error.expected == f"a complete {suffix} file"
    assert unpacked(write(tmp_path, f"x.csv{suffix}", data + data)).data == TEXT * 2000


def test_memory_is_checked_as_the_text_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: 20 * unpacking.PIECE)
    text = TEXT * (8 * unpacking.PIECE // len(TEXT))
    error = refused(unpacked, write(tmp_path, "x.csv.gz", gzip.compress(text)))
    assert (error.argument, "memory of this machine" in error.expected) == ("x.csv.gz", True)
    assert refused(unpacked, archive(tmp_path, {"a.csv": text})).argument == "x.zip"
    assert refused(unpacked, write(tmp_path, "x.csv", text)).argument == "x.csv"


@pytest.mark.parametrize("piece", [b"0", b"\n"])
def test_bombs_are_refused_before_they_fill_the_memory(tmp_path, monkeypatch, piece):
    monkeypatch.setattr(unpacking, "FREELY", 2**22)
    asked = []
    monkeypatch.setattr(memory, "require", lambda size, *_: asked.append(size))
    error = refused(unpacked, write(tmp_path, "x.csv.xz", lzma.compress(piece * 2**24)))
    assert "and more from" in error.got
    assert max(asked) <= unpacking.TEXT_COPIES * (2**22 + unpacking.PIECE)


def test_zeros_end_unpacking_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "require", lambda *_: None)
    data = TEXT * unpacking.PIECE + bytes(2**26)
    assert "NUL" in refused(unpacked, write(tmp_path, "x.csv.gz", gzip.compress(data, 1))).got


def test_a_missing_file_is_the_systems_to_report(tmp_path):
    for name in ("x.csv", "x.csv.gz", "x.csv.zst", "x.zip"):
        with pytest.raises((OSError, InputError)):
            unpacked(tmp_path / name)


def test_options_of_text_are_refused_elsewhere(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    for options in (DataOptions(header=True), DataOptions(delimiter=";"), DataOptions(encoding="cp1252")):
        assert refused(read, tmp_path / "x.npy", options).argument in ("header", "delimiter", "encoding")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_pieces_are_the_bytes(tmp_path, size, monkeypatch):
    monkeypatch.setattr(unpacking, "PIECE", size)
    files = [write(tmp_path, "x.csv", TEXT), write(tmp_path, "x.csv.gz", gzip.compress(TEXT) * 2)]
    for path in [*files, archive(tmp_path, {"a.csv": TEXT})]:
        pieces = list(packed(path).pieces())
        assert b"".join(pieces) == unpacked(path).data
        assert max(map(len, pieces)) <= size
        assert packed(path).is_plain == (path.name == "x.csv")


def test_a_file_that_ends_early_is_refused_where_it_ends(tmp_path):
    path = write(tmp_path, "x.csv.gz", gzip.compress(TEXT * 1000)[:-10])
    error = refused(lambda: list(packed(path).pieces()))
    assert (error.argument, error.expected) == (str(path), "a complete .gz file")
