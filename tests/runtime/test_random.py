import threading
import time

import pytest
import torch

from variate.runtime.random import Key, RowStreams, draws_globally, generator, mix, seeded, some_rows


def test_seeded_draws_are_those_of_manual_seed_and_leave_the_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(7)
    undisturbed = torch.rand(4)
    torch.manual_seed(7)
    with seeded(3):
        assert torch.equal(torch.rand(5), expected)
    assert torch.equal(torch.rand(4), undisturbed)


def test_generator_is_put_back_after_an_exception():
    state = torch.get_rng_state()
    try:
        with seeded(3):
            torch.rand(5)
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(torch.get_rng_state(), state)


def test_seeded_blocks_can_be_nested():
    with seeded(3):
        first = torch.rand(1)
        with seeded(4):
            torch.rand(5)
        second = torch.rand(1)
    with seeded(3):
        assert torch.equal(torch.rand(2), torch.cat([first, second]))


def test_seeded_blocks_of_several_threads_do_not_mix():
    def draw(seed):
        with seeded(seed):
            first = torch.rand(3)
            time.sleep(0.01)  # while the other thread would draw
            return torch.cat([first, torch.rand(3)])

    expected = [draw(seed) for seed in range(4)]
    found = [None] * 4
    threads = [threading.Thread(target=lambda s=seed: found.__setitem__(s, draw(s))) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_it_is_found_whether_a_function_draws_globally_and_its_draws_leave_no_trace():
    before = torch.get_rng_state()
    dropout = torch.nn.Dropout(0.5)
    assert draws_globally(lambda: dropout(torch.ones(3)))
    assert draws_globally(lambda: torch.rand(1))
    assert not draws_globally(lambda: torch.rand(1, generator=generator(3)))
    assert not draws_globally(lambda: dropout.eval()(torch.ones(3)))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_of_its_own_draws_what_the_global_one_would():
    torch.manual_seed(11)
    expected = torch.rand(3)
    before = torch.get_rng_state()
    assert torch.equal(torch.rand(3, generator=generator(11)), expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_mixed_seeds_differ_and_repeat():
    seeds = {mix(seed, name, n) for seed in range(5) for name in ("a", "b") for n in range(50)}
    assert len(seeds) == 500
    assert mix(3, "a", 1) == mix(3, "a", 1)
    assert mix(3, "a", 1) != mix(3, "a1")
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("world", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_parts_of_several_processes_interleave_to_the_numbers_of_one(world, axis):
    n = 7

    def drawn(rank, world):
        own = len(range(rank, n, world))
        shape = (own, 2) if axis == 0 else (4, own, 2)
        key = Key(generator(5), n, rank, world)
        return (
            key.normal(shape, torch.float64, axis),
            key.uniform(shape, torch.float32, axis),
            key.normal(shape, axis=axis),
        )

    whole = drawn(0, 1)
    found = [torch.full_like(part, torch.nan) for part in whole]
    for rank in range(world):
        for part, own in zip(found, drawn(rank, world), strict=True):
            assert own.dtype == part.dtype
            part.movedim(axis, 0)[rank::world] = own.movedim(axis, 0)
    assert all(torch.equal(part, expected) for part, expected in zip(found, whole, strict=True))


def test_a_key_draws_normal_and_uniform_numbers_from_its_generator():
    before = torch.get_rng_state()
    key, n = Key(generator(6), 20_000), 20_000
    normal, uniform = key.normal((n,)), key.uniform((n,))
    assert torch.equal(torch.get_rng_state(), before)
    for values, mean, variance in ((normal, 0, 1), (uniform, 0.5, 1 / 12)):
        assert (values.mean() - mean).abs() <= 4 * values.std() / n**0.5
        squares = (values - mean).square()
        assert (squares.mean() - variance).abs() <= 4 * squares.std() / n**0.5
    assert 0 <= uniform.min() < uniform.max() < 1


def test_a_row_draws_the_same_whichever_rows_are_beside_it():
    like = torch.zeros(())
    together = RowStreams(5, range(7), "test")
    first, second, third = (
        together.normal(3, (4,), like),
        together.normal(6, (), like),
        together.normal(3, (2, 4), like),
    )
    assert first.shape == (3, 7, 4)
    assert second.shape == (6, 7)
    assert third.shape == (3, 7, 2, 4)
    for rows in ([2], [6, 0], range(3, 5)):
        streams = RowStreams(5, rows, "test")
        assert torch.equal(streams.normal(3, (4,), like), first[:, list(rows)])
        assert torch.equal(streams.normal(6, (), like), second[:, list(rows)])
        assert torch.equal(streams.normal(3, (2, 4), like), third[:, list(rows)])
    assert not torch.equal(RowStreams(5, range(7), "other").normal(3, (4,), like), first)
    assert not torch.equal(RowStreams(6, range(7), "test").normal(3, (4,), like), first)
    assert first.unique().numel() == first.numel()


def test_streams_leave_the_global_generator_alone_and_follow_the_dtype():
    before = torch.get_rng_state()
    draws = RowStreams(5, range(2), "test").normal(1, (1,), torch.zeros((), dtype=torch.float32))
    assert draws.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), before)


def test_some_rows_are_different_rows_in_order_that_the_seed_chooses():
    found = some_rows(100, 30, seed=1)
    assert found.tolist() == sorted(set(found.tolist()))
    assert len(found) == 30
    assert 0 <= found.min() <= found.max() < 100
    assert torch.equal(some_rows(100, 30, seed=1), found)
    assert not torch.equal(some_rows(100, 30, seed=2), found)
    counts = torch.bincount(torch.cat([some_rows(10, 4, seed) for seed in range(1000)]), minlength=10)
    assert ((counts / 1000 - 0.4).abs() <= 4 * (0.4 * 0.6 / 1000) ** 0.5).all()


@pytest.mark.parametrize("num_rows", [None, 5, 6, 1000])
def test_all_rows_are_taken_where_no_fewer_are_asked_for(num_rows):
    assert some_rows(5, num_rows, seed=1).tolist() == [0, 1, 2, 3, 4]
