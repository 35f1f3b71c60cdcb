import bz2
import gzip
import lzma
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import zipfile
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import describe, fingerprint, read, split
from variate.data.readers import csv_streams, text_blocks, unpacking
from variate.data.readers.csv_files import read_csv
from variate.errors import InputError
from variate.runtime import memory

ROWS = 400


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    """Blocks of some rows, pieces that end within characters, and a temporary directory of the test's own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(text_blocks, "BLOCK", 500)
    monkeypatch.setattr(unpacking, "PIECE", 101)


def late(place, before, after):
    """Cells of one form up to a place, and of another from there on."""
    return [before(row) if row < place else after(row) for row in range(ROWS)]


def cells(form, *names):
    return [form(row) for row in range(ROWS)]


RNG = random.Random(0)
REALS = [f"{RNG.gauss(0, 1):.4f}" for _ in range(ROWS)]
COLUMNS = {
    "text after whole numbers": late(350, lambda row: str(row % 40), lambda row: "x"),
    "some odd texts": late(390, lambda row: str(row * row % 97), lambda row: "unfit"),
    "decimals after whole numbers": late(390, lambda row: str(row % 40), lambda row: f"{row}.5"),
    "day and month told late": late(
        380, lambda row: f"{1 + row % 12:02}/03/2019", lambda row: f"{13 + row % 9}/03/2019"
    ),
    "late times": late(300, lambda row: "2019-01-05", lambda row: "2019-01-06 10:00:00"),
    "late category": late(399, lambda row: "ab"[row % 2], lambda row: "c"),
    "words after nothing": late(300, lambda row: "", lambda row: "xyz"[row % 3]),
    "dates after nothing": late(300, lambda row: "", lambda row: f"2019-01-{1 + row % 20:02}"),
    "true after nothing": late(300, lambda row: "", lambda row: "true" if row % 2 else "false"),
    "true after bits": late(300, lambda row: str(row % 2), lambda row: "true"),
    "true after numbers": late(300, lambda row: str(row % 5), lambda row: "true"),
    "late codes": late(399, lambda row: f"{10000 + row * 7 % 90}", lambda row: "02134"),
    "codes until a minus": late(300, lambda row: f"0{row % 90}", lambda row: "-5"),
    "beyond 2^53": cells(lambda row: str(10**17 + row * 12_345)),
    "decimals beyond 2^53": late(399, lambda row: str(10**17 + row * 12_345), lambda row: "0.5"),
    "more than 256 words": cells(lambda row: f"w{row % 40 + (row % 3 > 0) * (row % 240)}"),
    "a word per row": cells(lambda row: f"k{row}"),
    "only numbers rows": cells(str),
    "never changes": cells(lambda row: "7.5"),
    "nothing": cells(lambda row: ""),
    "letters": cells(lambda row: ("é", "日本", "a", "🙂")[row % 4]),
    "quoted": cells(lambda row: ('"a"', '"b\nc"', '"d,e"', '"f""g"')[row % 4]),
    "percent": cells(lambda row: f"{row % 50} %" if row % 9 else "n/a"),
    "-999": cells(lambda row: str(row % 30 / 8) if row % 90 else "-999"),
}


def lines(*names, header=True):
    columns = [REALS, *(COLUMNS[name] for name in names)]
    rows = [",".join(row) for row in zip(*columns, strict=True)]
    return [",".join(["real", *names]), *rows] if header else rows


def text(*names, end="\n", **options):
    return (end.join(lines(*names, **options)) + end).encode()


def write(tmp_path, data, name="x.csv"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def assert_same(path, schema=None, **options):
    """The rows on disk, if they are those in memory and all else is, too."""
    expected = read_csv(path, DataOptions(stream="off", **options), schema)
    found = read_csv(path, DataOptions(stream="on", **options), schema)
    assert (expected.in_memory, found.in_memory) == (True, False)
    assert found.schema == (schema or replace(expected.schema, relations=()))  # which need all rows in memory
    assert found.notes[:-1] == tuple(n for n in expected.notes if not n.startswith("Columns that follow"))
    assert "temporary file" in found.notes[-1]
    np.testing.assert_array_equal(found.x.all(), expected.x.all())
    assert (found.dataset.mask is None) == (expected.dataset.mask is None)
    if expected.dataset.mask is not None:
        np.testing.assert_array_equal(found.dataset.mask.all(), expected.dataset.mask.all())
    assert describe(found) == f"{describe(expected)}, read from disk as needed"
    return found


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_what_it_is_in_memory(tmp_path, name):
    found = assert_same(write(tmp_path, text(name)))
    assert_same(write(tmp_path, text(name), "again.csv"), schema=found.schema)


def test_all_columns_together(tmp_path, monkeypatch):
    monkeypatch.setattr(text_blocks, "BLOCK", 20_000)
    path = write(tmp_path, text(*COLUMNS))
    found = assert_same(path)
    assert {column.kind for column in found.schema.columns} == {"real", "binary", "counts", "categorical"}
    assert_same(path, drop=("letters", "quoted"), columns=(("percent", "categorical"),), missing=("-999",))
    assert_same(path, schema=found.schema)
    index = np.random.default_rng(0).integers(0, ROWS, 900)
    np.testing.assert_array_equal(found.x.take(index), found.x.all()[index])


PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("packing", PACKED)
def test_compressed_text_of_several_members(tmp_path, packing):
    data = text("letters", "quoted", "late category")
    halves = (data[: len(data) // 2 + 1], data[len(data) // 2 + 1 :])
    assert_same(write(tmp_path, b"".join(map(PACKED[packing], halves)), f"x.csv{packing}"))


def test_zstd_and_zip(tmp_path):
    data = text("letters", "quoted")
    assert_same(write(tmp_path, pa.compress(data, "zstd", asbytes=True), "x.csv.zst"))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.csv", data)
        made.writestr("readme.md", "x")
    assert_same(tmp_path / "x.zip")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("change", [lambda d, e: d, lambda d, e: d[: -len(e)], lambda d, e: d + e + e])
def test_line_ends_and_blank_last_lines(tmp_path, end, change):
    data = text("letters", "quoted", end=end)
    assert_same(write(tmp_path, change(data, end.encode())))


@pytest.mark.parametrize("size", [1, 7, 64, 499, 2000, 10**6])
def test_wherever_blocks_end(tmp_path, size, monkeypatch):
    monkeypatch.setattr(text_blocks, "BLOCK", size)
    assert_same(write(tmp_path, text("letters", "quoted", "late codes")[:4000].rpartition(b"\n")[0]))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda data: data.replace(b",", b";"), "x.csv"),
        (lambda data: data.replace(b",", b"\t"), "x.tsv"),
        (lambda data: data.replace(b",", b" , "), "x.csv"),
        (lambda data: b"\xef\xbb\xbf" + data, "x.csv"),
        (lambda data: b'# made "by hand\n# twice\n' + data, "x.csv"),
        (lambda data: b"\n\n" + data, "x.csv"),
        (lambda data: data.decode().encode("utf-16"), "x.csv"),
        (lambda data: data.decode().replace("日本", "ü").replace("🙂", "ß").encode("cp1252"), "x.csv"),
        (lambda data: data.partition(b"\n")[2], "x.csv"),
        (lambda data: data.replace(b'"a"', b'5" pipe'), "x.csv"),
    ],
)
def test_ways_to_write_a_table(tmp_path, change, name):
    assert_same(write(tmp_path, change(text("letters", "late category")), name))


def test_letters_that_are_not_utf_8_may_come_late(tmp_path):
    data = text("late category") + "0.5,Zürich\n0.25,Zürich\n".encode("cp1252")
    found = assert_same(write(tmp_path, data))
    assert any("cp1252" in note for note in found.notes)
    error = refused(read_csv, write(tmp_path, data), DataOptions(stream="on", encoding="utf-8"), None)
    assert "utf-8" in error.expected


def test_columns_without_a_name(tmp_path):
    data = b"\n".join(line + b"," for line in text("late category").splitlines())
    assert_same(write(tmp_path, data))
    data = b"\n".join(line + (b",1.5" if n % 2 else b",") for n, line in enumerate(data.splitlines()))
    assert_same(write(tmp_path, data))
    rows = [f"r{n},{n % 7},{n * n % 11}" for n in range(ROWS)]
    assert_same(write(tmp_path, "\n".join(["a,b", *rows]).encode(), "short.csv"))


def test_one_column_and_its_blank_lines(tmp_path):
    data = b"a\n\n" + b"".join(b"%d.5\n" % (row * row % 97) + b"\n" * (row % 50 == 0) for row in range(ROWS)) + b"\n\n"
    found = assert_same(write(tmp_path, data))
    assert any("blank lines" in note for note in found.notes)
    words = b"a\n" + b"".join(b"x%d\n" % (row % 9) for row in range(ROWS))
    error = refused(read_csv, write(tmp_path, words), DataOptions(stream="on"), None)
    assert "at least two columns" in error.expected


@pytest.mark.parametrize(
    ("line", "replacement", "expected"),
    [
        (350, "1,2,3", "2 cells"),
        (351, "1", "2 cells"),
        (352, '1,"b', "quotes that close"),
        (353, '1,"b"\n"', None),
        (354, "inf,b", "finite numbers"),
        (355, "1e200,b", "numbers up to"),
        (356, "1,\0", "a table of text"),
    ],
)
def test_a_late_fault_is_said_as_in_memory_and_nothing_is_left(tmp_path, line, replacement, expected):
    every = lines("late category")
    every[line - 1] = replacement
    path = write(tmp_path, "\n".join(every).encode())
    errors = [refused(read_csv, path, DataOptions(stream=switch), None) for switch in ("off", "on")]
    assert str(errors[0]) == str(errors[1])
    assert expected is None or expected in errors[1].expected
    if "cells" in errors[1].expected or "quotes" in errors[1].expected:
        assert errors[1].argument == f"line {line + (expected is None)} of {path}"
    if "finite" in errors[1].expected:
        assert f"row {line - 2} " in errors[1].got
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("column", "cell", "got"),
    [("late category", "new", ""), ("only numbers rows", "-1", "-1 in row 388")],
)
def test_a_late_cell_that_a_model_does_not_know(tmp_path, column, cell, got):
    options = {"columns": (("only numbers rows", "counts"),)}
    names = ("late category", "only numbers rows")
    schema = read_csv(write(tmp_path, text(*names)), DataOptions(**options), None).schema
    every = lines(*names)
    parts = every[389].split(",")
    parts[1 + names.index(column)] = cell
    every[389] = ",".join(parts)
    path = write(tmp_path, "\n".join(every).encode())
    if got:
        errors = [refused(read_csv, path, DataOptions(stream=switch), schema) for switch in ("off", "on")]
        assert str(errors[0]) == str(errors[1])
        assert got in errors[1].got
    else:
        found = assert_same(path, schema=schema)
        assert any("has never seen these values of 'late category': 'new' (1)" in note for note in found.notes)
    few = write(tmp_path, "\n".join([*lines(*names)[:390], *["zzz,a,1"] * 10]).encode(), "few.csv")
    assert_same(few, schema=schema)
    many = write(tmp_path, "\n".join([*lines(*names)[:390], *["zzz,a,1"] * 100]).encode(), "many.csv")
    errors = [refused(read_csv, many, DataOptions(stream=switch), schema) for switch in ("off", "on")]
    assert str(errors[0]) == str(errors[1])


def test_options_that_do_not_fit_are_refused_before_the_file_is_read(tmp_path, monkeypatch):
    path = write(tmp_path, text("late category"))
    monkeypatch.setattr(csv_streams.CsvStream, "_parts", None)
    for options, argument in (({"drop": ("none",)}, "drop"), ({"columns": (("none", "real"),)}, "columns")):
        assert refused(read_csv, path, DataOptions(stream="on", **options), None).argument == argument
    monkeypatch.setattr(csv_streams, "require_disk", lambda size, name: refuse(size, name))

    def refuse(size, name):
        raise InputError(name, "room", str(size))

    error = refused(read_csv, path, DataOptions(stream="on"), None)
    cells = 2 * (ROWS + 1)
    assert error.expected == "room"
    assert 0.8 * 8 * cells < int(error.got) < 1.2 * 8 * cells


def test_a_table_without_rows(tmp_path):
    for data in (b"a,b\n", b"", b"\n\n"):
        errors = [refused(read_csv, write(tmp_path, data), DataOptions(stream=on), None) for on in ("off", "on")]
        assert str(errors[0]) == str(errors[1])


def test_what_streams_is_decided_by_what_reading_takes(tmp_path, monkeypatch):
    data = text("late category", "quoted")
    paths = [write(tmp_path, data), write(tmp_path, gzip.compress(data), "x.csv.gz")]
    cost = unpacking.TEXT_COPIES * len(data) + csv_streams.CELL_BYTES * 3 * ROWS
    for path in paths:
        for factor, in_memory in ((0.7, False), (1.5, True)):
            monkeypatch.setattr(memory, "physical", lambda factor=factor: int(2 * cost * factor))
            assert csv_streams.fits_in_memory(unpacking.packed(path), DataOptions()) == in_memory
            assert csv_streams.fits_in_memory(unpacking.packed(path), DataOptions(stream="off"))
            assert not csv_streams.fits_in_memory(unpacking.packed(path), DataOptions(stream="on"))


def test_groups_are_the_same_whatever_the_blocks(tmp_path, monkeypatch):
    path = write(tmp_path, text("late category"))
    monkeypatch.setattr("variate.data.storage.spilled.GROUP_BYTES", 2**12)
    bounds = []
    for size in (100, 1000):
        monkeypatch.setattr(text_blocks, "BLOCK", size)
        bounds.append(read_csv(path, DataOptions(stream="on"), None).x.groups.bounds.tolist())
    assert bounds[0] == bounds[1] == [0, 256, 400]


def test_two_readings_have_one_fingerprint_and_one_split(tmp_path):
    path = write(tmp_path, text("late category", "quoted"))
    one, other = (read(path, DataOptions(stream="on")) for _ in range(2))
    assert fingerprint(one) == fingerprint(other)
    np.testing.assert_array_equal(split(one).test.x.all(), split(other).test.x.all())


def test_the_temporary_file_lives_as_long_as_the_rows(tmp_path):
    source = read(write(tmp_path, text("late category")), DataOptions(stream="on"))
    train = split(source).train
    path = source.x.groups.files[0]
    del source
    assert len(train.x.take(np.arange(10))) == 10
    del train
    assert not path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the name until the file is removed")
def test_a_process_that_is_killed_leaves_nothing(tmp_path):
    path = write(tmp_path, text("late category"))
    code = f"""
        import os, signal
        from variate.data import read
        from variate.config.recipe import DataOptions
        from variate.data.readers import streamed_columns
        streamed_columns.StreamedColumns.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        read({str(path)!r}, DataOptions(stream="on"))
    """
    folder = tmp_path / "temporary"
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(folder.iterdir()) == []


def test_a_bomb_is_refused_as_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FREELY", 2**20)
    monkeypatch.setattr(unpacking, "PIECE", 2**16)
    path = write(tmp_path, bz2.compress(b"a,b\n" + b"1,1\n" * 2**20), "x.csv.bz2")
    error = refused(read_csv, path, DataOptions(stream="on"), None)
    assert "from" in error.got
    assert list((tmp_path / "temporary").iterdir()) == []
