import tempfile

import numpy as np
import pyarrow as pa
import pytest

from refusals import refused
from variate.config.schema import Column
from variate.data.storage import spilled
from variate.data.storage.parquet_rows import ParquetRows
from variate.data.storage.row_groups import RowGroups
from variate.data.storage.spilled import Spill, SpillWriter

RNG = np.random.default_rng(0)
TABLE = pa.table(
    {
        "0": np.where(RNG.random(2_000) < 0.2, np.nan, RNG.normal(size=2_000)),
        "7": pa.array(RNG.choice(["a", "b", None], 2_000)).dictionary_encode(),
    }
)
COLUMNS = (Column("a.b", "categorical", ("a", "b")), Column("a", "real"))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spilled, "GROUP_BYTES", 16 * 300)
    return tmp_path


def written(*sizes):
    writer = SpillWriter("x.csv")
    start = 0
    for size in sizes:
        writer.add(TABLE.slice(start, size))
        start += size
    writer.finish()
    return RowGroups([writer.scratch.path], "x.csv", Spill(writer.scratch, {"a": "0", "a.b": "7"}))


@pytest.mark.parametrize("sizes", [[2_000], [1] * 500 + [1_500], [299, 2, 1_699], [300, 300, 1_400]])
def test_row_groups_do_not_depend_on_the_pieces(sizes):
    groups = written(*sizes)
    assert np.diff(groups.bounds).tolist() == [300] * 6 + [200]
    rows = ParquetRows(groups, COLUMNS, were_read=True)
    expected = TABLE["0"].to_numpy()
    np.testing.assert_array_equal(rows.take_with_gaps(np.arange(2_000))[:, 1], expected)
    codes = [np.nan if word is None else "ab".index(word) for word in TABLE["7"].to_pylist()]
    np.testing.assert_array_equal(rows.take_with_gaps(np.arange(2_000))[:, 0], codes)
    assert groups.label(1) == "rows 300 to 599 (counting from 0) of x.csv"


def test_the_rows_hold_the_file_and_nothing_else_does(folder):
    rows = ParquetRows(written(2_000), COLUMNS, were_read=True)
    assert len(rows.take(np.arange(5))) == 5
    path = rows.groups.files[0]
    del rows
    assert not path.exists()
    writer = SpillWriter("x.csv")
    writer.add(TABLE)
    writer.abandon()
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_said_in_a_sentence(monkeypatch):
    writer = SpillWriter("x.csv")
    writer.add(TABLE.slice(0, 10))

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer._writer, "write_table", full)
    error = refused(writer.finish)
    assert (error.argument, error.got) == ("x.csv", "no space left on device")
    assert "TMPDIR" in error.remedy
