import gzip
import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from variate.config.recipe import DataOptions
from variate.data import describe, read
from variate.data.readers.sources import READERS, SPECIAL_OPTIONS, understood
from variate.errors import Option

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (5, 6, 6)).astype(np.uint8)
IDX = bytes([0, 0, 8, 3]) + np.array(IMAGES.shape, ">u4").tobytes() + IMAGES.tobytes()


@pytest.fixture
def files(tmp_path):
    """One source of each type."""
    np.save(tmp_path / "x.npy", IMAGES)
    np.savez(tmp_path / "x.npz", a=IMAGES, b=IMAGES + 1)
    (tmp_path / "x-idx3-ubyte").write_bytes(IDX)
    (tmp_path / "x.gz").write_bytes(gzip.compress(IDX))
    (tmp_path / "x.csv").write_text("a,b\n1.5,2.5\n3.5,-1\n")
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte").write_bytes(IDX)
    (tmp_path / "pics").mkdir()
    for index, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / "pics" / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize("name", ["x.npy", "x.npz:a", "x-idx3-ubyte", "x.gz", "mnist", "pics"])
def test_every_source_of_images_gives_the_same_rows(files, name):
    rows = read(str(files / name))
    np.testing.assert_array_equal(rows.x.all(), IMAGES[:, None])
    assert describe(rows) == f"{name}: 5 grey images 6x6, 8-bit"
    again = read(str(files / name), schema=rows.schema)
    np.testing.assert_array_equal(again.x.all(), rows.x.all())


@pytest.mark.parametrize("name", ["x.npz:a", "x-idx3-ubyte", "mnist", "pics", "digits"])
def test_only_arrays_text_and_parquet_are_streamed(files, name):
    source = name if name == "digits" else str(files / name)
    error = refused(read, source, DataOptions(stream="on"))
    assert (error.argument, error.got) == ("stream", source)
    assert ".parquet" in error.expected
    assert Option("stream") in error.remedy.parts
    assert read(source, DataOptions(stream="off")).in_memory


def test_an_array_is_streamed(files):
    data = read(str(files / "x.npy"), DataOptions(stream="on"))
    assert describe(data) == "x.npy: 5 grey images 6x6, 8-bit, read from disk as needed"


def test_every_reader_is_there_and_uses_options_that_are_known():
    for reader in READERS:
        assert callable(reader.load())
        assert set(reader.uses) <= set(SPECIAL_OPTIONS)
    assert {name for reader in READERS for name in reader.uses} == set(SPECIAL_OPTIONS)


def test_tables_and_builtin_data(files):
    assert read(str(files / "x.csv")).schema.kind == "table"
    assert describe(read("digits")) == "digits: 1,797 grey images 8x8, 17 levels"


def test_a_path_of_a_builtin_name_is_told_by_its_dot(files, monkeypatch):
    (files / "pics").rename(files / "digits")
    monkeypatch.chdir(files)
    assert len(read("./digits")) == 5
    assert len(read("digits")) == 1797


@pytest.mark.parametrize("name", ["x.pt", "x.doc", "x", "x.png"])
def test_other_types_are_refused_with_those_that_are_understood(tmp_path, name):
    (tmp_path / name).write_bytes(b"hello")
    error = refused(read, str(tmp_path / name))
    assert (error.argument, error.expected) == (str(tmp_path / name), understood())
    for known in ("digits, fashion-mnist", "a folder of images", ".zip", ".npy", ".npz", "idx", ".csv", ".parquet"):
        assert known in error.expected


@pytest.mark.parametrize(
    ("source", "remedy"), [("fashion_mnist", "did you mean 'fashion-mnist'?"), ("qqqq", ""), ("x.npz:a", "")]
)
def test_what_does_not_exist(source, remedy):
    error = refused(read, source)
    assert (error.argument, error.got, error.remedy) == ("source", repr(source), remedy)
    assert "digits, fashion-mnist" in error.expected


@pytest.mark.parametrize("source", [np.zeros((3, 2)), None, 3, ["digits"], b"digits", Path])
def test_what_is_neither_a_text_nor_a_path(source):
    error = refused(inspect.unwrap(read), source)  # without the tests' own check of types
    assert error.argument == "source"
    assert "from_arrays" in error.remedy


def test_a_path_is_read_and_is_no_name(files, monkeypatch):
    assert len(read(files / "x.npy")) == 5
    monkeypatch.chdir(files)
    assert refused(read, Path("digits")).argument == "source"
    (files / "pics").rename(files / "digits")
    assert len(read(Path("digits"))) == 5


def test_a_text_that_no_path_can_be():
    error = refused(read, "x\0.npy")
    assert (error.argument, r"'x\x00.npy'" in error.got) == ("source", True)


def test_the_home_of_nobody():
    error = refused(read, "~nobody_of_that_name/x.npy")
    assert (error.argument, "nobody_of_that_name" in error.got) == ("source", True)


def test_a_working_directory_that_was_deleted(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    error = refused(read, "x.npy")
    assert (error.argument, "was deleted" in error.got) == ("x.npy", True)
    refused(read, ".")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".zip", ".parquet", ".gz", ""])
def test_a_pipe_is_not_opened(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    os.mkfifo(path)
    error = refused(read, path)
    assert (error.argument, error.got) == (str(path), "a pipe")


def test_a_device_is_no_file():
    assert refused(read, "/dev/null").got == "a device"


def test_a_path_below_a_file(files):
    assert refused(read, files / "x.npy" / "y").argument == "source"


DENIED = """
import os, sys
from variate import InputError, read
path, folder = sys.argv[1:]
os.setgid(65534), os.setuid(65534)
for source in (path, folder, folder + "/x.npy", folder + "/x.npz:a"):
    try:
        read(source)
    except InputError as error:
        print(error.argument, "|", error.got)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become someone else")
def test_permission_denied_is_said(files):
    (files / "x.npy").chmod(0)
    closed = files / "closed"
    closed.mkdir()
    (closed / "x.npy").write_bytes(b"")
    closed.chmod(0)
    for parent in [files, *files.parents][:-1]:
        parent.chmod(parent.stat().st_mode | 0o555) if parent.is_relative_to("/tmp") else None
    run = subprocess.run([sys.executable, "-c", DENIED, files / "x.npy", closed], capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == 4, run.stderr
    assert lines[0] == f"{files / 'x.npy'} | Permission denied"
    assert lines[1] == f"{closed} | Permission denied"
    assert all(line.endswith("Permission denied") for line in lines)


def test_memory_that_runs_out_while_reading(files, monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr("variate.data.readers.npy.fill", short)
    error = refused(read, files / "x.npy")
    assert (error.argument, "free" in error.got) == (str(files / "x.npy"), True)


def test_a_file_within_a_folder_is_named(files, monkeypatch):
    (files / "shards").mkdir()
    for number in range(3):
        np.save(files / "shards" / f"{number}.npy", IMAGES)
    opened = Path.open

    def denied(path, *mode):
        if path.name == "1.npy":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *mode)

    monkeypatch.setattr(Path, "open", denied)
    error = refused(read, files / "shards")
    assert (error.argument, error.got) == (str(files / "shards" / "1.npy"), "Permission denied")


def test_an_empty_source_is_not_this_folder():
    error = refused(read, "")
    assert (error.argument, error.expected) == ("source", understood())


def test_a_name_too_long_for_the_system():
    assert refused(read, "x" * 5000).got == "File name too long"


def test_an_empty_folder(tmp_path):
    assert refused(read, str(tmp_path)).argument == tmp_path.name


@pytest.mark.parametrize(
    ("name", "options", "argument", "expected"),
    [
        ("x.npy", DataOptions(size=(3, 3)), "size", "images"),
        ("digits", DataOptions(size=(3, 3)), "size", "images"),
        ("x.gz", DataOptions(mode="RGB"), "mode", "images"),
        ("x.csv", DataOptions(mode="RGB"), "mode", "images"),
        ("pics", DataOptions(drop=("a",)), "drop", "a table"),
        ("pics", DataOptions(missing=("-9",)), "missing", "a table"),
        ("digits", DataOptions(split_by="a"), "split_by", "a table"),
        ("x.npy", DataOptions(split_time="a"), "split_time", "a table"),
        ("x.npy", DataOptions(columns=(("a", "real"),)), "columns", "a table"),
    ],
)
def test_options_that_would_have_no_effect(files, name, options, argument, expected):
    source = name if name == "digits" else str(files / name)
    error = refused(read, source, options)
    assert (error.argument, error.got) == (argument, source)
    assert expected in error.expected
    read(source, options, schema=read(source).schema)  # a model was trained with the options of other data


def test_a_file_that_may_not_be_read(files, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("variate.data.readers.npy.read_npy_header", denied)
    error = refused(read, str(files / "x.npy"))
    assert (error.argument, error.got) == (str(files / "x.npy"), "Permission denied")


def test_reading_arrays_loads_neither_torch_nor_readers_of_other_types(files):
    code = (
        f"import sys; from variate.data import *; describe(split(read({str(files / 'x.npy')!r}))); "
        "print([name for name in ('torch', 'PIL', 'pyarrow', 'sklearn') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
