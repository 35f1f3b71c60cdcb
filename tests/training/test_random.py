import torch

from variate.training.random import Order


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
