import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from refusals import refused
from variate.data.storage import row_groups
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
    assert groups.read_all(["b", "a"]).equals(pa.concat_tables([TABLE, TABLE]).select(["b", "a"]))


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


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_is_read_as_a_dictionary(tmp_path, kind):
    long = pa.array(["x" * 10**4] * 2000 + ["y"], kind)  # 20 megabytes, once in the file
    parquet.write_table(pa.table({"a": long}), tmp_path / "t.parquet")
    parquet.write_table(pa.table({"a": pa.array(["y", "z"], kind)}), tmp_path / "u.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 10**5
    del long
    groups = RowGroups([tmp_path / "t.parquet", tmp_path / "u.parquet"], "t")
    before = pa.total_allocated_bytes()
    table = groups.read_all(["a"])
    assert pa.total_allocated_bytes() - before < 10**6
    assert table["a"].cast(kind).slice(2000).to_pylist() == ["y", "y", "z"]
    assert groups.read(1, ["a"])["a"].to_pylist() == ["y", "z"]


def claiming(tmp_path, monkeypatch, **claims):
    """A file whose footer claims other numbers."""
    parquet.write_table(TABLE, tmp_path / "t.parquet", row_group_size=5)
    real = row_groups._footer_of(tmp_path / "t.parquet")
    monkeypatch.setattr(row_groups, "_footer_of", lambda file: real._replace(**claims))
    return tmp_path / "t.parquet"


def test_other_numbers_of_rows_than_claimed_are_refused(tmp_path, monkeypatch):
    file = claiming(tmp_path, monkeypatch, rows=[5, 6])
    groups = RowGroups([file], "t")
    assert groups.read(0, ["a"]).num_rows == 5
    assert "5 rows where 6 are claimed" in refused(groups.read, 1, ["a"]).got
    assert "10 rows where 11 are claimed" in refused(groups.read_all, ["a"]).got


def test_memory_is_required_before_anything_is_decoded(tmp_path, monkeypatch):
    groups = RowGroups([claiming(tmp_path, monkeypatch, rows=[5, 10**11])], "t")
    monkeypatch.setattr(parquet.ParquetFile, "read_row_groups", None)
    assert refused(groups.require_each, ["a"]).argument == "row group 1 of t.parquet"
    assert refused(groups.read_all, ["a"]).argument == "t"
    groups = RowGroups([claiming(tmp_path, monkeypatch, sizes=[10**15, 0])], "t")
    assert refused(groups.read_all, ["a"]).argument == "t"


def test_more_rows_than_can_be_counted(tmp_path, monkeypatch):
    assert refused(RowGroups, [claiming(tmp_path, monkeypatch, rows=[2**62, 2**62])], "t").argument == "t"


def test_many_small_groups_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(row_groups, "MOST_SMALL_GROUPS", 2)
    parquet.write_table(TABLE, tmp_path / "t.parquet", row_group_size=4)
    error = refused(RowGroups, [tmp_path / "t.parquet"], "t")
    assert (error.argument, "3 of 3.3" in error.got) == (str(tmp_path / "t.parquet"), True)
    parquet.write_table(pa.table({"a": range(800)}), tmp_path / "t.parquet", row_group_size=270)
    assert len(RowGroups([tmp_path / "t.parquet"], "t")) == 3


def test_footers_are_read_once(tmp_path, monkeypatch):
    groups = RowGroups([claiming(tmp_path, monkeypatch)], "t")
    opened = []
    real = parquet.ParquetFile
    monkeypatch.setattr(parquet, "ParquetFile", lambda *args, **named: opened.append(named) or real(*args, **named))
    groups.read(1, ["a"])
    assert opened[0]["metadata"] is not None


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-9])
    assert refused(RowGroups, [path], "t").argument == str(path)
