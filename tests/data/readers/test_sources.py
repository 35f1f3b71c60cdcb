import gzip
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from variate.config.recipe import DataOptions
from variate.data import describe, read
from variate.errors import InputError

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
    np.testing.assert_array_equal(rows.values, IMAGES[:, None])
    assert describe(rows) == f"{name}: 5 grey images 6x6, 8-bit"
    again = read(str(files / name), schema=rows.schema)
    np.testing.assert_array_equal(again.values, rows.values)


def test_only_arrays_and_parquet_are_streamed(files):
    for name in ("x.npz:a", "x-idx3-ubyte", "mnist", "pics", "x.csv", "digits"):
        source = name if name == "digits" else str(files / name)
        with pytest.raises(InputError, match=r"--stream on is for \.npy and \.parquet files and folders of them, and "):
            read(source, DataOptions(stream="on"))
        assert len(read(source, DataOptions(stream="off")).values)
    data = read(str(files / "x.npy"), DataOptions(stream="on"))
    assert describe(data) == "x.npy: 5 grey images 6x6, 8-bit, read from disk as needed"


def test_tables_and_builtin_data(files):
    assert read(str(files / "x.csv")).schema.kind == "table"
    assert describe(read("digits")) == "digits: 1,797 grey images 8x8, 17 levels"


def test_a_path_of_a_builtin_name_is_told_by_its_dot(files, monkeypatch):
    (files / "pics").rename(files / "digits")
    monkeypatch.chdir(files)
    assert len(read("./digits").values) == 5
    assert len(read("digits").values) == 1797


@pytest.mark.parametrize("name", ["x.pt", "x.txt", "x", "x.png"])
def test_other_types_are_refused_with_those_that_are_understood(tmp_path, name):
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(InputError) as error:
        read(str(tmp_path / name))
    for known in ("digits, fashion-mnist", "folder or .zip of images", ".npy", "idx", ".csv", ".parquet"):
        assert known in str(error.value)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("fashion_mnist", "did you mean 'fashion-mnist'?"),
        ("qqqq", "known: digits, fashion-mnist"),
        ("x.npz:a", "known"),
    ],
)
def test_what_does_not_exist(source, hint):
    with pytest.raises(InputError) as error:
        read(source)
    assert "is no file, no folder and no built-in data set" in str(error.value)
    assert hint in str(error.value)


def test_an_empty_source_is_not_this_folder():
    with pytest.raises(InputError, match="the source is empty; give a built-in data set"):
        read("")


def test_a_name_too_long_for_the_system():
    with pytest.raises(InputError, match=r"cannot be read \(File name too long\)"):
        read("x" * 5000)


def test_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        read(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.npy", DataOptions(size=(3, 3)), "--size is for image files"),
        ("x.gz", DataOptions(mode="RGB"), "--mode is for image files"),
        ("x.csv", DataOptions(mode="RGB"), "--mode is for image files"),
        ("pics", DataOptions(drop=("a",)), "--drop is for tables"),
        ("x.npy", DataOptions(columns=(("a", "real"),)), "--columns is for tables"),
    ],
)
def test_options_that_a_source_has_no_use_for(files, name, options, message):
    with pytest.raises(InputError, match=message):
        read(str(files / name), options)


def test_options_of_a_builtin_source():
    with pytest.raises(InputError, match="--size is for image files, and digits is none"):
        read("digits", DataOptions(size=(3, 3)))


def test_a_file_that_may_not_be_read(files, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("variate.data.readers.npy.read_stream", denied)
    with pytest.raises(InputError, match=r"x\.npy cannot be read \(Permission denied\)"):
        read(str(files / "x.npy"))


def test_reading_arrays_loads_neither_torch_nor_readers_of_other_types(files):
    code = (
        f"import sys; from variate.data import read, split; read({str(files / 'x.npy')!r}); "
        "print([name for name in ('torch', 'PIL', 'pyarrow', 'sklearn') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
