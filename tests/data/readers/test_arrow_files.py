import random

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, ipc

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data import read
from variate.data.readers.arrow_files import read_arrow
from variate.errors import InputError
from variate.runtime import memory

OPTIONS = DataOptions()
TABLE = pa.table(
    {
        "height": [1.5, 2.25, 3.0, 4.0],
        "word": pa.array(["x", "y", "x", "x"]).dictionary_encode(),
        "text": ["a", "b", "b", "a"],
        "bit": [True, False, True, True],
    }
)
VALUES = [[1.5, 0, 0, 1], [2.25, 1, 1, 0], [3, 0, 1, 1], [4, 0, 0, 1]]


def write(path, how, table=TABLE):
    if how == "stream":
        with ipc.new_stream(path, table.schema) as stream:
            stream.write_table(table, 3)
    else:
        feather.write_feather(table, path, compression=how, chunksize=3)
    return path


@pytest.mark.parametrize("how", ["stream", "lz4", "zstd", "uncompressed"])
@pytest.mark.parametrize("name", ["x.feather", "x.arrow", "x.IPC"])
def test_files_and_streams(tmp_path, how, name):
    found = read(write(tmp_path / name, how))
    np.testing.assert_array_equal(found.x.all(), VALUES)
    assert [column.kind for column in found.schema.columns] == ["real", "categorical", "categorical", "binary"]


def test_columns_and_other_options(tmp_path):
    path = write(tmp_path / "x.feather", "lz4")
    assert read(path, DataOptions(drop=("word", "text"))).x.all().shape == (4, 2)
    assert refused(read, path, DataOptions(stream="on")).argument == "stream"
    assert refused(read, path, DataOptions(header=True)).argument == "header"
    assert refused(read_arrow, path, OPTIONS, Schema("real", (2,))).got == "a table"


def test_the_first_version_is_refused(tmp_path):
    path = tmp_path / "x.feather"
    path.write_bytes(b"FEA1" + bytes(50) + b"FEA1")
    assert "first version" in refused(read, path).got


def test_more_than_the_machine_holds(tmp_path, monkeypatch):
    path = write(tmp_path / "x.feather", "zstd", pa.table({"a": np.zeros(100_000)}))
    monkeypatch.setattr(memory, "physical", lambda: 200_000)
    assert "memory" in refused(read, path).expected


def test_damaged_files_are_refused_and_crash_nothing(tmp_path):
    draw, path, read_well = random.Random(0), tmp_path / "x.feather", 0
    for how in ("stream", "lz4", "uncompressed"):
        whole = write(path, how).read_bytes()
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(draw.choice((1, 2, 5))):
                data[draw.randrange(len(data))] = draw.choice((0, 1, 127, 128, 255))
            path.write_bytes(data[: draw.randrange(len(data))] if draw.random() < 0.1 else data)
            try:
                read(path)
            except InputError:
                continue
            read_well += 1
    assert 50 < read_well < 700


def test_names_that_are_no_text(tmp_path):
    path = write(tmp_path / "x.arrow", "stream")
    path.write_bytes(path.read_bytes().replace(b"height", b"\xff\xfe\xfdght"))
    assert "Arrow" in refused(read, path).expected
