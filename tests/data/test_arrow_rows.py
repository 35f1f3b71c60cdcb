"""Rows of a model as a table: what was read comes back as it was."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
import torch

from frames import arrow
from refusals import refused
from variate import Column, Schema, read, to_arrow
from variate.data.storage.base import Storage


def with_nan(data):
    values: np.ndarray = data.x.all().copy()
    if isinstance(data.mask, Storage):
        values[~data.mask.all()] = np.nan
    return values


@pytest.mark.parametrize("gaps", [True, False])
def test_a_table_that_was_read_comes_back(gaps):
    table = arrow(gaps)
    source = read(table)
    found = to_arrow(with_nan(source.dataset), source.schema)
    assert found.column_names == table.column_names
    for name in table.column_names:
        expected = table.column(name).to_pylist()
        if name == "paid":
            expected = [None if cell is None else float(cell) for cell in expected]
        assert found.column(name).to_pylist() == expected, name
    same = [name for name in table.column_names if name not in ("paid", "hour", "day", "seen", "stay")]
    assert all(found.schema.field(name).type == table.schema.field(name).type for name in same)
    for name, test in {"day": pa.types.is_date, "seen": pa.types.is_timestamp, "stay": pa.types.is_duration}.items():
        assert test(found.schema.field(name).type)


def test_data_frames_come_back_with_their_types():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(["S", "L", None] * 10, ["S", "M", "L"], ordered=True),
            "grade": pd.Categorical(["2", "1", "2"] * 10, ["2", "1"]),
            "cylinders": pd.Categorical([4, 8, 4] * 10, [8, 6, 4]),
            "weight": rng.normal(size=30),
            "year": rng.integers(1970, 2020, 30),
            "shop": "main",
            "member": rng.integers(0, 2, 30) == 1,
        }
    )
    source = read(frame)
    assert [column.kind for column in source.schema.columns] == ["categorical"] * 3 + ["real"] * 2 + ["binary"]
    found = to_arrow(with_nan(source.dataset), source.schema)
    pd.testing.assert_frame_equal(found.to_pandas(), frame)


def test_arrays_tensors_and_masks_are_taken():
    schema = Schema("table", (2,), columns=(Column("a", "real"), Column("b", "categorical", ("x", "y"))))
    rows = np.array([[1.5, 0], [2.5, 1]])
    expected = {"a": [1.5, 2.5], "b": ["x", None]}
    masked = np.ma.array(rows, mask=[[False, False], [False, True]])
    assert to_arrow(masked, schema).to_pydict() == expected
    rows[1, 1] = np.nan
    assert to_arrow(torch.from_numpy(rows), schema).to_pydict() == expected
    assert to_arrow(rows.astype(np.float32), schema).to_pydict() == expected


def test_rows_of_other_data_are_numbered_columns():
    images = np.arange(12, dtype=np.uint8).reshape(2, 1, 2, 3)
    found = to_arrow(images, Schema("pixels", (1, 2, 3), 256))
    assert found.column_names == [f"x{place}" for place in range(6)]
    assert found.column("x5").to_pylist() == [5, 11]


def test_means_of_whole_numbers_that_are_not_whole_are_kept():
    schema = Schema("table", (1,), columns=(Column("year", "real", step=1.0, low=1970.0, high=2020.0),))
    assert to_arrow(np.array([[1999.5]]), schema).to_pydict() == {"year": [1999.5]}
    assert to_arrow(np.array([[1999.0]]), schema).column("year").type == pa.int64()


def test_columns_that_have_one_value_or_none_come_back_in_their_type():
    day = datetime.datetime(2020, 1, 2)
    table = pa.table({"a": [1.5, 2.5] * 20, "fee": [5.0, None] * 20, "tick": ["x", None] * 20, "day": [day, None] * 20})
    source = read(table)
    assert [column.blank for column in source.schema.columns] == [False, True, True, True]
    found = to_arrow(source.x.all(), source.schema)
    assert found.schema == table.schema
    assert found.to_pydict() == table.to_pydict()


def test_other_rows_are_refused():
    schema = Schema("table", (1,), columns=(Column("b", "categorical", ("x", "y")),))
    assert refused(to_arrow, np.zeros((2, 3)), schema).argument == "rows"
    for code in (-1.0, 2.0, 0.5):
        assert refused(to_arrow, np.full((2, 1), code), schema).argument == "column 'b' of rows"
