import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from variate.config.schema import Column
from variate.data.storage import parquet_rows
from variate.data.storage.parquet_rows import ParquetRows, merged_blocks
from variate.data.storage.row_groups import RowGroups

RNG = np.random.default_rng(0)
N = 500
TABLE = pa.table({"a": RNG.normal(size=N), "b": RNG.choice(["x", "y", "z"], N), "c": RNG.integers(0, 9, N)})
COLUMNS = (Column("c", "counts"), Column("b", "categorical", ("z", "x", "y")))
VALUES = np.stack([TABLE["c"].to_numpy(), [("z", "x", "y").index(w) for w in TABLE["b"].to_pylist()]], 1)


@pytest.fixture
def rows(tmp_path):
    parquet.write_table(TABLE.slice(0, 200), tmp_path / "0.parquet", row_group_size=70)
    parquet.write_table(TABLE.slice(200), tmp_path / "1.parquet", row_group_size=100)
    return ParquetRows(RowGroups(sorted(tmp_path.iterdir()), "t"), COLUMNS)


def test_rows_of_files_in_any_order(rows):
    index = RNG.integers(0, N, 900)
    np.testing.assert_array_equal(rows.take(index), VALUES[index])
    np.testing.assert_array_equal(rows.all(), VALUES)
    assert (len(rows), rows.shape, rows.dtype, rows.in_memory) == (N, (2,), np.float64, False)


def test_decoded_groups_are_kept_while_there_is_room(rows, monkeypatch):
    decoded = []
    decode = rows._decode
    monkeypatch.setattr(rows, "_decode", lambda number: decoded.append(number) or decode(number))
    rows.take(np.arange(N)[::-1])
    rows.take(np.arange(N))
    assert decoded == list(range(6))
    monkeypatch.setattr(parquet_rows, "CACHE_BYTES", (100 + 70) * 8 * 2)
    rows.take(np.array([0]))
    assert len(rows._decoded) == 2
    rows.take(np.array([100, 0]))
    assert decoded[6:] == [1]
    assert sorted(rows._decoded) == [0, 1]


@pytest.mark.parametrize(
    ("bounds", "blocks"),
    [
        ([0, 300, 700, 1000], [0, 300, 700, 1000]),
        ([0, 100, 200, 300, 700, 800], [0, 300, 800]),
        ([0, 100], [0, 100]),
    ],
)
def test_blocks_are_row_groups_but_small_ones_together(bounds, blocks):
    assert merged_blocks(np.array(bounds)).tolist() == blocks


@pytest.mark.parametrize(("room", "at_once"), [(10**9, 64), (8 * 300 * 7, 4), (1, 1)])
def test_as_many_groups_are_mixed_as_there_is_room_for(tmp_path, monkeypatch, room, at_once):
    monkeypatch.setattr(parquet_rows, "POOL_BYTES", room)
    parquet.write_table(pa.table({"a": RNG.normal(size=3000)}), tmp_path / "t.parquet", row_group_size=300)
    rows = ParquetRows(RowGroups([tmp_path / "t.parquet"], "t"), (Column("a", "real"),))
    assert rows.bounds.tolist() == list(range(0, 3001, 300))
    assert rows.at_once == at_once
