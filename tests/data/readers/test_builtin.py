import gzip
import hashlib
import sys

import numpy as np
import pytest

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers import builtin
from variate.data.readers.builtin import read_digits, read_fashion

OPTIONS = DataOptions()
RNG = np.random.default_rng(0)
PARTS = {"train-images": RNG.integers(0, 256, (6, 3, 3)), "t10k-images": RNG.integers(0, 256, (2, 3, 3))}
LABELS = {"train-images": np.arange(6) % 2, "t10k-images": np.arange(2)}


def packed(values, name=""):
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return gzip.compress(header + values.astype(np.uint8).tobytes(), mtime=len(name))


def save(folder, parts=PARTS):
    folder.mkdir(parents=True, exist_ok=True)
    for part, values in parts.items():
        (folder / f"{part}-idx3-ubyte.gz").write_bytes(packed(values, folder.name))
    for part, values in LABELS.items():
        name = part.replace("images", "labels")
        (folder / f"{name}-idx1-ubyte.gz").write_bytes(packed(values, folder.name))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A machine with nothing on it and an upstream of one's own, whose images are small."""
    monkeypatch.delenv("VARIATE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(builtin, "UPSTREAM", (tmp_path / "upstream").as_uri() + "/")
    monkeypatch.setattr(builtin, "PREFIXES", (str(tmp_path / "usr"),))
    for pins, parts in (("PINS", PARTS), ("LABEL_PINS", LABELS)):
        found = {part: hashlib.sha256(values.astype(np.uint8).tobytes()).hexdigest() for part, values in parts.items()}
        monkeypatch.setattr(builtin, pins, found)


def check(rows):
    np.testing.assert_array_equal(rows.x.all()[:, 0], PARTS["train-images"])
    np.testing.assert_array_equal(rows.test.x.all()[:, 0], PARTS["t10k-images"])
    assert rows.schema == Schema("pixels", (1, 3, 3), levels=256)
    assert rows.name == "fashion-mnist"


def test_digits():
    rows = read_digits(OPTIONS, None)
    values = rows.x.all()
    assert (len(rows), rows.x.shape, values.dtype) == (1797, (1, 8, 8), np.uint8)
    assert (values.min(), values.max()) == (0, 16)
    assert rows.schema == Schema("pixels", (1, 8, 8), levels=17)


@pytest.mark.parametrize("below", ["", "fashion-mnist"])
def test_fashion_from_the_folder_that_is_named(tmp_path, monkeypatch, below):
    save(tmp_path / "mine" / below)
    monkeypatch.setenv("VARIATE_DATA", str(tmp_path / "mine"))
    check(read_fashion(OPTIONS, None))


def test_fashion_from_a_package(tmp_path):
    save(tmp_path / "usr" / "share" / "datasets" / "fashion-mnist")
    check(read_fashion(OPTIONS, None))
    assert not (tmp_path / "cache").exists()


def test_fashion_is_downloaded_once(tmp_path):
    save(tmp_path / "upstream")
    check(read_fashion(OPTIONS, None))
    for file in (tmp_path / "upstream").iterdir():
        file.unlink()
    check(read_fashion(OPTIONS, None))
    names = sorted(path.name for path in (tmp_path / "cache" / "variate" / "fashion-mnist").iterdir())
    parts = ("t10k-images-idx3", "t10k-labels-idx1", "train-images-idx3", "train-labels-idx1")
    assert names == [f"{part}-ubyte.gz" for part in parts]


def test_the_labels_of_fashion_are_those_of_its_authors(tmp_path):
    folder = tmp_path / "usr" / "share" / "datasets" / "fashion-mnist"
    save(folder)
    found = read_fashion(DataOptions(labels="label"), None)
    assert found.dataset.labels.all().tolist() == LABELS["train-images"].tolist()
    assert found.test.labels.all().tolist() == LABELS["t10k-images"].tolist()
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(packed(1 - LABELS["t10k-images"]))
    assert "a file of labels" in str(refused(read_fashion, DataOptions(labels="label"), None))


def test_files_of_the_same_name_that_are_not_fashion_are_passed_over(tmp_path, monkeypatch):
    save(tmp_path / "mnist", {part: values // 2 for part, values in PARTS.items()})
    monkeypatch.setenv("VARIATE_DATA", str(tmp_path / "mnist"))
    save(tmp_path / "usr" / "share" / "datasets" / "fashion-mnist")
    check(read_fashion(OPTIONS, None))


def test_a_damaged_copy_in_the_cache_is_fetched_anew(tmp_path):
    save(tmp_path / "upstream")
    save(tmp_path / "cache" / "variate" / "fashion-mnist")
    broken = tmp_path / "cache" / "variate" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    broken.write_bytes(broken.read_bytes()[:-10])
    check(read_fashion(OPTIONS, None))
    assert gzip.decompress(broken.read_bytes())


def test_an_upstream_that_sends_something_else(tmp_path):
    save(tmp_path / "upstream", {part: values // 2 for part, values in PARTS.items()})
    error = refused(read_fashion, OPTIONS, None)
    assert error.argument == builtin.UPSTREAM + "train-images-idx3-ubyte.gz"
    assert "checksum" in error.got
    assert list((tmp_path / "cache" / "variate" / "fashion-mnist").iterdir()) == []


def test_without_network_the_three_ways_are_said():
    error = refused(read_fashion, OPTIONS, None)
    assert (error.argument, builtin.UPSTREAM in error.got) == ("fashion-mnist", True)
    for way in ("set VARIATE_DATA", "`apt-get install dataset-fashion-mnist`", "connect to the network"):
        assert way in error.remedy


def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    assert "failed" in refused(read_fashion, OPTIONS, None).got


def test_cache_follows_xdg(tmp_path, monkeypatch):
    assert builtin.cache_folder() == tmp_path / "cache" / "variate" / "fashion-mnist"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert builtin.cache_folder() == tmp_path / ".cache" / "variate" / "fashion-mnist"


def test_the_real_fashion(monkeypatch):
    monkeypatch.undo()
    if not any(map(builtin.load_from, builtin.places())):
        pytest.skip("NOT TESTED: no copy of fashion-mnist on this machine; apt-get install dataset-fashion-mnist")
    rows = read_fashion(DataOptions(labels="label"), None)
    for part in (rows.dataset, rows.test):
        assert np.bincount(part.labels.all().astype(int)).tolist() == [len(part) // 10] * 10
    assert (len(rows.dataset), len(rows.test), rows.x.shape) == (60_000, 10_000, (1, 28, 28))
    counts = np.bincount(rows.x.all().ravel(), minlength=256)
    mean = counts @ np.arange(256) / counts.sum()
    assert mean / 255 == pytest.approx(0.2860, abs=5e-5)  # as published with the data
    assert np.sqrt(counts @ (np.arange(256) - mean) ** 2 / counts.sum()) / 255 == pytest.approx(0.3530, abs=5e-5)


def test_prefixes_are_those_of_python_and_debian():
    assert set(map(str, (sys.prefix, "/usr/local", "/usr"))) == set(REAL_PREFIXES)


REAL_PREFIXES = builtin.PREFIXES


def test_the_home_of_nobody(monkeypatch):
    monkeypatch.setenv("VARIATE_DATA", "~nobody_of_that_name/data")
    assert "VARIATE_DATA" in refused(read_fashion, OPTIONS, None).argument


def test_a_copy_that_cannot_be_read_is_passed_over(tmp_path, monkeypatch):
    save(tmp_path / "usr" / "share" / "datasets" / "fashion-mnist")
    monkeypatch.setenv("VARIATE_DATA", str(tmp_path / "closed"))
    found = builtin.idx.idx_file

    def closed(folder, part):
        if "closed" in folder.parts:
            raise PermissionError(13, "Permission denied", str(folder))
        return found(folder, part)

    monkeypatch.setattr(builtin.idx, "idx_file", closed)
    check(read_fashion(OPTIONS, None))
