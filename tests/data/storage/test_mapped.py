import numpy as np
import pytest

from variate.data.schema.kinds import Cast
from variate.data.storage import mapped
from variate.data.storage.mapped import MappedArrays, MappedGaps
from variate.data.storage.stacked import Stacked

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("cast", [None, Cast(np.dtype(np.float64)), Cast(np.dtype(np.uint8), scaled=True)])
def test_rows_of_files_in_any_order(tmp_path, cast):
    parts = [(RNG.integers(0, 256, (n, 2, 3)) / 255).astype(np.float32) for n in (5, 1, 9)]
    for number, part in enumerate(parts):
        np.save(tmp_path / f"{number}.npy", part)
    storage = MappedArrays(Stacked([np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in range(3)]), cast)
    whole = np.concatenate(parts)
    whole = cast(whole) if cast else whole
    index = RNG.integers(0, 15, 40)
    assert (len(storage), storage.shape, storage.dtype, storage.in_memory) == (15, (2, 3), whole.dtype, False)
    np.testing.assert_array_equal(storage.take(index), whole[index])
    np.testing.assert_array_equal(storage.all(), whole)


@pytest.mark.parametrize(("rows", "blocks"), [(10, 1), (16, 1), (17, 2), (300, 8)])
def test_blocks_are_longer_where_there_would_be_too_many(rows, blocks, monkeypatch):
    monkeypatch.setattr(mapped, "BLOCK_ROWS", 16)
    monkeypatch.setattr(mapped, "MOST_BLOCKS", 8)
    bounds = MappedArrays(Stacked([np.zeros((rows, 2))])).bounds
    assert (bounds[0], bounds[-1], len(bounds) - 1) == (0, rows, blocks)
    assert (np.diff(bounds) > 0).all()


def test_gaps_of_files_are_nan():
    parts = [np.where(RNG.random((n, 2)) < 0.4, np.nan, 1.0) for n in (5, 9)]
    storage, rows = MappedGaps(Stacked(parts)), MappedArrays(Stacked(parts))
    index = RNG.integers(0, 14, 40)
    assert (len(storage), storage.shape, storage.dtype, storage.in_memory) == (14, (2,), np.dtype(bool), False)
    np.testing.assert_array_equal(storage.take(index), ~np.isnan(np.concatenate(parts)[index]))
    np.testing.assert_array_equal(storage.bounds, rows.bounds)
