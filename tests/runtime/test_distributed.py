"""The processes of a run, seen from one of them that only pretends to have others."""

import pytest
import torch

from variate import InputError
from variate.runtime import distributed
from variate.runtime.distributed import STEPS_BETWEEN_VOTES, LostProcessError, Processes
from variate.runtime.random import Key, generator


@pytest.mark.parametrize(("rows", "world"), [(12, 3), (11, 3), (2, 3), (1, 1)])
def test_shares_of_a_draw_are_those_of_the_whole(rows, world):
    source = generator(3)
    whole = Key(source, rows)
    expected = whole.normal((4, rows, 5), torch.float32, axis=1), whole.uniform((rows, 7))
    assert expected[0].dtype == torch.float32
    for rank in range(world):
        own = len(range(rank, rows, world))
        key = Key(generator(3), rows, rank, world)
        parts = key.normal((4, own, 5), torch.float32, axis=1), key.uniform((own, 7))
        index = Processes(rank, world).part(torch.arange(rows))
        assert index.tolist() == list(range(rank, rows, world))
        assert torch.equal(parts[0], expected[0][:, index])
        assert torch.equal(parts[1], expected[1][index])


def test_a_share_of_the_wrong_size_is_our_own_mistake():
    with pytest.raises(AssertionError):
        Key(generator(3), 10, 1, 2).normal((3, 4, 2), axis=1)


def test_alone_everything_stays_as_it_is():
    values, module = torch.arange(3.0), torch.nn.Linear(1, 1)
    alone = distributed.join()
    assert alone == Processes(0, 1)
    assert all(f(values) is values for f in (alone.part, alone.mean, alone.total))
    assert alone.parallel(module) is module
    assert alone.vote(7, True, False) == (True, False)
    assert (alone.on_main(lambda: 5), alone.on_all(lambda: 6), alone.gather(7)) == (5, 6, [7])
    assert (alone.is_main, distributed.is_main_process()) == (True, True)
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("ask", ["on_main", "on_all"])
def test_an_error_keeps_its_fields(ask):
    def refuse():
        raise InputError("x", "one", "two", "three")

    with pytest.raises(InputError) as raised:
        getattr(Processes(), ask)(refuse)
    assert raised.value.args == ("x", "one", "two", "three")


def test_an_incomplete_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.setenv("RANK", "1")
    assert not distributed.is_main_process()
    with pytest.raises(InputError) as raised:
        distributed.join()
    assert raised.value.argument == "WORLD_SIZE"
    assert "MASTER_ADDR" in raised.value.expected


def test_each_process_takes_its_own_gpu(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    Processes().take_gpu("cuda")  # alone, nothing
    third = Processes(3, 4)
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    third.take_gpu("cuda")
    third.take_gpu("cpu")
    assert chosen == [1]
    for device, local in (("cuda:0", "2"), ("cuda", "4")):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
        with pytest.raises(InputError) as raised:
            third.take_gpu(device)
        assert raised.value.argument == "device"


def test_votes_are_taken_every_few_steps(monkeypatch):
    other = torch.tensor([0, 1, 0])  # the other process raises the second flag
    monkeypatch.setattr(Processes, "total", lambda _, flags: flags + other)
    two = Processes(0, 2)
    assert two.vote(STEPS_BETWEEN_VOTES + 1, True, True, True) == (False, False, False)
    assert two.vote(STEPS_BETWEEN_VOTES, True, False, False) == (True, True, False)


def test_only_a_lost_connection_is_a_lost_process():
    two = Processes(0, 2)
    with pytest.raises(RuntimeError) as raised, two.connection_errors():
        raise RuntimeError("sizes differ")
    assert raised.type is RuntimeError
    with pytest.raises(LostProcessError), two.connection_errors():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:537] Connection closed by peer")
