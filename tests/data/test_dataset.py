import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from examples import Virtual
from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data import Dataset, split
from variate.data.storage import base
from variate.data.storage.in_memory import InMemory
from variate.data.storage.mapped import MappedArrays
from variate.data.storage.parquet_rows import ParquetRows
from variate.data.storage.row_groups import RowGroups
from variate.data.storage.stacked import Stacked
from variate.data.transforms import DrawBits

N = 60
RNG = np.random.default_rng(0)
SCHEMA = Schema("real", (3,))
ARRAYS = {
    "x": RNG.normal(size=(N, 3)),
    "mask": RNG.random((N, 3)) < 0.7,
    "context": RNG.normal(size=(N, 2)),
    "context_mask": RNG.random((N, 2)) < 0.7,
}
WEIGHT = RNG.random(N)


def in_memory(array, folder):
    return InMemory(array)


def mapped(array, folder):
    for number, part in enumerate(np.split(array, [7, 30])):
        np.save(folder / f"{number}.npy", part)
    return MappedArrays(Stacked([np.load(folder / f"{number}.npy", mmap_mode="r") for number in range(3)]))


def as_parquet(array, folder):
    table = pa.table({f"c{i}": column.astype(float) for i, column in enumerate(array.T)})
    parquet.write_table(table, folder / "t.parquet", row_group_size=25)
    return ParquetRows(RowGroups([folder / "t.parquet"], "t"), [Column(name, "real") for name in table.column_names])


@pytest.fixture(params=[in_memory, mapped, as_parquet])
def data(request, tmp_path):
    parts = {}
    for name, array in ARRAYS.items():
        (tmp_path / name).mkdir()
        parts[name] = request.param(array, tmp_path / name)
    return Dataset(schema=SCHEMA, weight=InMemory(WEIGHT), name="x", **parts)


def expect(batch, index):
    """Every part of a batch is that of the rows with these numbers."""
    for name, array in (ARRAYS | {"weight": WEIGHT}).items():
        found = getattr(batch, name)
        assert found.dtype == (torch.bool if "mask" in name else torch.float64)
        np.testing.assert_array_equal(found.numpy(), array[index])


def test_rows_are_taken_by_number_with_all_that_belongs_to_them(data):
    index = RNG.integers(0, N, 100)
    batch = data.take(index)
    expect(batch, index)
    assert batch.rows.tolist() == index.tolist()
    assert (len(data), data.shape, data.in_memory) == (N, (3,), data.x.in_memory)
    expect(data.all(), np.arange(N))


def test_rows_come_in_order_some_at_a_time(data):
    batches = list(data.batches(25))
    assert [batch.num_rows for batch in batches] == [25, 25, 10]
    for start, batch in zip((0, 25, 50), batches, strict=True):
        expect(batch, batch.rows.numpy())
        assert batch.rows[0] == start


def test_rows_come_as_many_at_a_time_as_memory_allows(data, monkeypatch):
    assert [batch.num_rows for batch in data.batches()] == [N]
    monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", 25 * 3 * 8)
    assert [batch.num_rows for batch in data.batches()] == [25, 25, 10]


def test_selected_rows_are_in_memory(data):
    index = np.array([5, 0, 59, 5])
    some = data.select(index)
    assert all(storage.in_memory for storage in some.storages().values())
    expect(some.all(), index)
    assert (some.schema, some.name) == (SCHEMA, "x")


def test_the_other_rows_stay_where_they_are(data):
    left_out = np.array([0, 3, 4, 58])
    rest = data.without(left_out)
    expect(rest.all(), np.delete(np.arange(N), left_out))
    assert rest.in_memory == data.in_memory


def test_a_sample_of_some_rows_is_shuffled_and_spread(data):
    some = data.sample(20)
    rows = [int(np.flatnonzero(ARRAYS["x"][:, 0] == x)[0]) for x in some.x.all()[:, 0]]
    expect(some.all(), rows)
    assert sorted(rows) == list(range(0, N, 3))
    assert rows != sorted(rows)


def test_a_sample_of_everything_is_in_order_if_it_is_in_memory_already(data):
    for most in (None, N, 10**6):
        some = data.sample(most)
        assert (some is data) == data.in_memory
        assert len(some) == N
        assert some.in_memory


def test_every_part_of_a_split_has_all_that_belongs_to_its_rows(data):
    splits = split(data, DataOptions(split_seed=4))
    found = []
    for part in (splits.train, splits.validation, splits.test):
        rows = [int(np.flatnonzero(ARRAYS["x"][:, 0] == x)[0]) for x in part.x.all()[:, 0]]
        expect(part.all(), rows)
        found += rows
    assert sorted(found) == list(range(N))
    assert (splits.train.in_memory, splits.validation.in_memory, splits.test.in_memory) == (data.in_memory, True, True)
    for name in ("mask", "context", "context_mask"):  # which are part of the data
        parts = data.storages()
        other = data.replace(**{name: InMemory(~parts[name].all().astype(bool))})
        assert split(other, DataOptions(split_seed=4)).fingerprint != splits.fingerprint


def test_samples_of_rows_on_disk_are_spread_and_their_beginnings_are_too(monkeypatch):
    rows = Dataset(Virtual(10**9), Schema("real", (1,))).sample().x.all()[:, 0]
    assert len(rows) == base.MOST_ROWS
    # Uniform on [0, 1): the mean of 1,000 is within 5 standard errors of 1/2.
    assert abs(rows[:1000].mean() / 10**9 - 0.5) < 5 / np.sqrt(12 * 1000)
    monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", 800)
    assert len(Dataset(Virtual(10**6, 10), Schema("real", (10,))).sample()) == 10


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.int64, np.float32])
def test_numbers_keep_their_type_but_bits_are_integers(dtype):
    array = np.ones((3, 2), dtype)
    batch = Dataset(InMemory(array), Schema("real", (2,)), context=InMemory(array)).take(np.arange(3))
    expected = torch.uint8 if dtype == np.bool_ else torch.from_numpy(array).dtype
    assert (batch.x.dtype, batch.context.dtype, batch.mask) == (expected, expected, None)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        (np.uint16, torch.int32),
        (np.uint32, torch.int64),
        (np.uint64, torch.int64),
        (np.float16, torch.float32),
        (np.longdouble, torch.float64),
        (">i2", torch.int16),
    ],
)
def test_numbers_of_other_types_are_the_same_in_a_batch(dtype, kept):
    array = np.array([[0, 1], [2, 300]], dtype)
    x = Dataset(InMemory(array), Schema("real", (2,))).all().x
    assert (x.dtype, x.tolist()) == (kept, array.tolist())
    large = Dataset(InMemory(np.full((2, 2), 2**63, np.uint64)), Schema("real", (2,)))
    assert refused(large.all).argument == "x"


def test_all_rows_in_memory_are_not_copied_unless_they_are_read_only():
    array = np.ones((3, 2))
    data = Dataset(InMemory(array), Schema("real", (2,)))
    assert data.all().x.data_ptr() == array.ctypes.data
    array.flags.writeable = False
    assert data.all().x.data_ptr() != array.ctypes.data  # of which torch would warn


def test_transforms_are_carried_and_not_applied():
    data = Dataset(InMemory(np.full((40, 2), 7, np.uint8)), Schema("binary", (2,), 17), transforms=(DrawBits(17),))
    for rows in (data.select(np.arange(3)), data.without(np.arange(3)), data.sample(5)):
        assert rows.transforms == data.transforms
        assert (rows.all().x == 7).all()


@pytest.mark.parametrize(
    ("parts", "argument"),
    [
        ({"x": np.zeros((N, 4))}, "x"),
        ({"mask": np.zeros((N, 2), bool)}, "mask"),
        ({"mask": np.zeros((N - 1, 3), bool)}, "mask"),
        ({"context": np.zeros((N + 1, 2))}, "context"),
        ({"context_mask": np.zeros((N, 3), bool)}, "context_mask"),
        ({"weight": np.zeros((N, 1))}, "weight"),
        ({"context": None}, "context_mask"),
        ({"context": np.full((N, 2), "a")}, "context"),
        ({"x": np.full((N, 3), None)}, "x"),
    ],
)
def test_parts_that_do_not_belong_together(parts, argument):
    arrays = {name: array for name, array in (ARRAYS | parts).items() if array is not None}
    stored = {name: InMemory(array) for name, array in arrays.items()}
    assert refused(Dataset, schema=SCHEMA, **stored).argument == argument


def test_what_is_no_storage_and_no_dataset_is_refused_where_it_is_put():
    # Past the annotations, which only tests check: what a user without a type checker may pass.
    code = """
import numpy as np, variate
x, schema = np.eye(3), variate.Schema("real", (3,))
for make in (lambda: variate.Dataset(x, schema), lambda: variate.Splits(x, x, x, ""), lambda: variate.split(x)):
    try:
        make()
    except variate.InputError as error:
        print(error.argument, "from_arrays" in error.remedy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["x True", "train True", "data True"]
