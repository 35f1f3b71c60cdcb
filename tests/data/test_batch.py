import pytest
import torch

from variate.data.batch import Batch

BATCH = Batch(torch.arange(12.0).reshape(4, 3), mask=torch.arange(12).reshape(4, 3) % 2 == 0, rows=torch.arange(4) * 10)


@pytest.mark.parametrize("index", [torch.tensor([3, 0, 3]), slice(1, 3), torch.tensor([], dtype=torch.int64)])
def test_every_part_is_selected(index):
    found = BATCH.select(index)
    for part, whole in zip(found, BATCH, strict=True):
        assert (part is None and whole is None) or part.equal(whole[index])
    assert found.num_rows == len(BATCH.x[index])


def test_every_part_goes_to_the_device():
    found = BATCH.to("meta")
    assert [part.device.type for part in found if part is not None] == ["meta"] * 3
    assert BATCH.to("cpu").x.equal(BATCH.x)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NOT TESTED: no GPU, and so no pinned memory")
def test_pinned_memory():
    assert all(part.is_pinned() for part in BATCH.pin_memory() if part is not None)
