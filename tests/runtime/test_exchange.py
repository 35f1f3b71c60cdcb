import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from variate.runtime import exchange
from variate.runtime.exchange import Memory, attached, machine, meet_in_memory

linux = pytest.mark.skipif(machine() is None, reason="this system does not share memory in this way")


class Meeting:
    """Threads in the place of processes."""

    def __init__(self, world):
        self.barrier, self.said = threading.Barrier(world, timeout=60), [None] * world

    def gathered(self, rank, value):
        self.barrier.wait()
        self.said[rank] = value
        self.barrier.wait()
        return list(self.said)

    def exchange(self, rank, nbytes):
        return meet_in_memory(nbytes, rank, lambda value: self.gathered(rank, value), self.barrier.wait)


def all_ranks(world, function):
    with ThreadPoolExecutor(world) as pool:
        return [future.result() for future in [pool.submit(function, rank) for rank in range(world)]]


@linux
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("world", [2, 3, 5])
def test_all_get_the_means_of_what_each_has(world, dtype):
    sizes = [1000, 2, 1, 999, 1000]
    values = torch.randn(world, len(sizes), 1000, generator=torch.Generator().manual_seed(0)).to(dtype)
    meeting = Meeting(world)

    def averages(rank):
        mine = meeting.exchange(rank, 1000 * dtype.itemsize)
        return [mine.average(row[:size].clone()) for row, size in zip(values[rank], sizes, strict=True)]

    found = all_ranks(world, averages)
    for turn, size in enumerate(sizes):
        means = values[:, turn, :size].double().mean(0)
        for rank in range(world):
            assert torch.equal(found[rank][turn], found[0][turn])
        torch.testing.assert_close(found[0][turn].double(), means, rtol=2 * torch.finfo(dtype).eps, atol=1e-6)


@linux
def test_nobody_reads_what_is_already_of_the_next_turn():
    meeting, turns, n = Meeting(3), 200, 50_000

    def averages(rank):
        mine = meeting.exchange(rank, 4 * n)
        return [mine.average(torch.full((n,), float(turn * (rank + 1)), dtype=torch.float32)) for turn in range(turns)]

    for found in all_ranks(3, averages):
        assert all(bool((means == 2 * turn).all()) for turn, means in enumerate(found))


@linux
def test_memory_is_seen_until_it_is_closed():
    made = Memory(2, 100)
    path, shape = made.address
    assert shape == (2, 128)
    one, other = attached(path, shape), attached(path, shape)
    one[1, 7] = 9
    assert other[1, 7] == 9
    made.close()
    assert attached(path, shape) is None
    assert one[1, 7] == 9


@pytest.mark.parametrize("machines", [["a", "b"], [None, None], ["a", None]])
def test_processes_of_several_machines_share_no_memory(machines, monkeypatch):
    meeting, here = Meeting(2), threading.local()
    monkeypatch.setattr(exchange, "machine", lambda: machines[here.rank])

    def attempt(rank):
        here.rank = rank
        return meeting.exchange(rank, 8)

    assert all_ranks(2, attempt) == [None, None]


@linux
def test_all_do_without_where_one_cannot_see_the_memory(monkeypatch):
    meeting, here = Meeting(2), threading.local()
    monkeypatch.setattr(exchange, "attached", lambda *address: None if here.rank else attached(*address))

    def attempt(rank):
        here.rank = rank
        return meeting.exchange(rank, 8)

    assert all_ranks(2, attempt) == [None, None]


@linux
def test_all_do_without_where_the_system_gives_no_memory(monkeypatch):
    def refuse(name):
        raise PermissionError(name)

    monkeypatch.setattr("os.memfd_create", refuse)
    meeting = Meeting(2)
    assert all_ranks(2, lambda rank: meeting.exchange(rank, 8)) == [None, None]


def test_a_system_without_such_memory_has_no_machine(monkeypatch):
    monkeypatch.delattr("os.memfd_create", raising=False)
    assert machine() is None
