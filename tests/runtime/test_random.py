import torch

from variate.runtime.random import RowStreams, mix, reseed, seeded


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


def test_without_a_seed_the_generator_goes_on():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    with seeded(None):
        first = torch.rand(1)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_reseed_is_manual_seed():
    torch.manual_seed(11)
    expected = torch.rand(3)
    reseed(11)
    assert torch.equal(torch.rand(3), expected)


def test_mixed_seeds_differ_and_repeat():
    seeds = {mix(seed, name, n) for seed in range(5) for name in ("a", "b") for n in range(50)}
    assert len(seeds) == 500
    assert mix(3, "a", 1) == mix(3, "a", 1)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_row_draws_the_same_whichever_rows_are_beside_it():
    like = torch.zeros(())
    together = RowStreams(5, range(7), "test")
    first, second, third = together.normal(3, 4, like), together.uniform(6, like), together.normal(3, 4, like)
    assert first.shape == (3, 7, 4)
    assert second.shape == (6, 7)
    for rows in ([2], [6, 0], range(3, 5)):
        streams = RowStreams(5, rows, "test")
        assert torch.equal(streams.normal(3, 4, like), first[:, list(rows)])
        assert torch.equal(streams.uniform(6, like), second[:, list(rows)])
        assert torch.equal(streams.normal(3, 4, like), third[:, list(rows)])
    assert not torch.equal(RowStreams(5, range(7), "other").normal(3, 4, like), first)
    assert not torch.equal(RowStreams(6, range(7), "test").normal(3, 4, like), first)
    assert first.unique().numel() == first.numel()


def test_streams_leave_the_global_generator_alone_and_follow_the_dtype():
    before = torch.get_rng_state()
    draws = RowStreams(5, range(2), "test").normal(1, 1, torch.zeros((), dtype=torch.float32))
    assert draws.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), before)
