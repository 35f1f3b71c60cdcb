import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from refusals import refused
from variate.data.storage.row_groups import RowGroups

TABLE = pa.table({"a": np.arange(10.0), "b": np.arange(10)})


def test_groups_of_all_files_without_those_that_are_empty(tmp_path):
    parquet.write_table(TABLE, tmp_path / "0.parquet", row_group_size=4)
    parquet.write_table(TABLE.slice(0, 0), tmp_path / "1.parquet")
    parquet.write_table(TABLE, tmp_path / "2.parquet", row_group_size=10)
    groups = RowGroups(sorted(tmp_path.iterdir()), "t")
    assert (len(groups), groups.names, groups.bounds.tolist()) == (4, ["a", "b"], [0, 4, 8, 10, 20])
    assert groups.read(1, ["b"]).to_pydict() == {"b": [4, 5, 6, 7]}
    assert groups.label(3) == "row group 0 of 2.parquet"
    assert groups.read_all().equals(pa.concat_tables([TABLE, TABLE]))


@pytest.mark.parametrize(
    ("columns", "got"),
    [
        ({"a": [1.0]}, "'b int64'"),
        ({"a": [1.0], "b": ["x"]}, "'b string'"),
        ({"b": [1], "a": [1.0]}, "another order"),
    ],
)
def test_files_with_other_columns_are_refused(tmp_path, columns, got):
    parquet.write_table(TABLE, tmp_path / "0.parquet")
    parquet.write_table(pa.table(columns), tmp_path / "9.parquet")
    error = refused(RowGroups, sorted(tmp_path.iterdir()), "t")
    assert error.argument == "9.parquet"
    assert "0.parquet" in error.expected
    assert got in error.got


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-9])
    assert refused(RowGroups, [path], "t").argument == str(path)
