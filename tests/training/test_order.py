import pytest
import torch

from variate.training.order import Order, PooledOrder


def pooled(bounds, at_once=4, batch_size=7, seed=1):
    return PooledOrder(torch.tensor(bounds), at_once, batch_size, seed)


EVEN, UNEVEN = list(range(0, 161, 10)), [0, 10, 11, 40, 45, 59, 60, 66, 90]


def test_every_row_once_an_epoch_whatever_the_batch_size():
    for batch_size in (1, 3, 7, 10):
        order = Order(10, batch_size, seed=4)
        stream = torch.cat([order.batch(step) for step in range(30)])
        whole = stream[: len(stream) // 10 * 10].reshape(-1, 10)
        assert (whole.sort(1).values == torch.arange(10)).all()
        assert all(len(order.batch(step)) == batch_size for step in range(30))


def test_order_depends_on_seed_and_position_only():
    first, second = Order(50, 7, seed=1), Order(50, 7, seed=1)
    expected = [first.batch(step) for step in range(40)]
    for step in (39, 0, 17, 8, 7):  # any order, across epochs
        assert torch.equal(second.batch(step), expected[step])
    assert not torch.equal(Order(50, 7, seed=2).batch(0), expected[0])
    assert not torch.equal(first.permutation(0), first.permutation(1))


def test_order_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    Order(50, 7, seed=1).batch(3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 90])
@pytest.mark.parametrize("bounds", [EVEN, UNEVEN, [0, 90]])
def test_every_pooled_row_once_an_epoch(bounds, batch_size):
    order, rows = pooled(bounds, batch_size=batch_size), bounds[-1]
    batches = [order.batch(step) for step in range(3 * rows // batch_size + 1)]
    assert all(len(batch) == batch_size for batch in batches)
    epochs = torch.cat(batches)[: 3 * rows].reshape(3, rows)
    assert (epochs.sort(1).values == torch.arange(rows)).all()
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3


def test_pooled_order_depends_on_seed_and_position_only():
    first, second = pooled(UNEVEN), pooled(UNEVEN)
    expected = [first.batch(step) for step in range(40)]
    for step in (39, 0, 17, 8, 7):
        assert torch.equal(second.batch(step), expected[step])
    assert not torch.equal(pooled(UNEVEN, seed=2).batch(0), expected[0])
    before = torch.get_rng_state()
    pooled(UNEVEN).batch(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_pool_is_dealt_from_its_blocks_in_turn():
    order = pooled(EVEN)
    for number in range(4):
        blocks = order.pool(0, number).reshape(10, 4) // 10
        assert (blocks == blocks[0]).all()
        assert len(set(blocks[0].tolist())) == 4
        assert (order.pool(0, number).reshape(10, 4).diff(dim=0) != 1).any()  # and permuted within each
    short = pooled([0, 3, 4, 6], at_once=3, batch_size=6).pool(0, 0)
    turns = [{int(torch.searchsorted(torch.tensor([0, 3, 4]), row, right=True)) for row in part}
             for part in (short[:3], short[3:5], short[5:])]  # fmt: skip
    assert turns == [{1, 2, 3}, {1, 3}, {1}]


@pytest.mark.parametrize("ranks", [2, 4])
def test_readers_of_every_so_manyth_row_share_no_block_of_a_pool(ranks):
    order = pooled(EVEN, batch_size=8)
    for epoch in range(2):
        for number in range(4):
            steps = range((160 * epoch + 40 * number) // 8, (160 * epoch + 40 * (number + 1)) // 8)
            read = [
                {int(row) // 10 for step in steps for row in order.batch(step)[rank::ranks]} for rank in range(ranks)
            ]
            assert all(len(blocks) == 4 // ranks for blocks in read)
            assert len(set.union(*read)) == 4


def test_a_long_order_takes_memory_for_its_blocks_only():
    order = PooledOrder(torch.arange(0, 10**9 + 1, 1000), 64, 256, seed=0)
    rows = order.batch(10**8)  # in the 26th epoch
    assert len(rows.unique()) == 256
    kept = [order.bounds, *(tensor for pair in order._epochs.values() for tensor in pair), *order._pools.values()]
    assert sum(tensor.nbytes for tensor in kept) < 2**25
    assert max(len(tensor) for tensor in kept) <= 10**6 + 1
