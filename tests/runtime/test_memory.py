from pathlib import Path

import pytest

from refusals import refused
from variate.runtime import memory


def test_refuses_one_byte_more_than_the_machine_has(monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: 2 * memory.GIB)
    memory.require(2 * memory.GIB, "a.npy")
    assert refused(memory.require, 2 * memory.GIB + 1, "a.npy").argument == "a.npy"
    error = refused(memory.require, 3 * memory.GIB, "a.npy")
    assert (error.argument, "2.0 GiB" in error.expected, "3.0 GiB" in error.got) == ("a.npy", True, True)


def test_takes_anything_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: None)
    memory.require(2**80, "a.npy")


def test_streams_as_asked_or_beyond_half_of_the_memory(monkeypatch):
    for limit, expected in ((100, {50: False, 51: True}), (None, {2**80: False})):
        monkeypatch.setattr(memory, "physical", lambda limit=limit: limit)
        for size, streamed in expected.items():
            assert memory.streams("auto", size) == streamed
            assert memory.streams("on", size)
            assert not memory.streams("off", size)


def test_physical_memory_is_that_of_proc():
    try:
        with Path("/proc/meminfo").open() as lines:
            kilobytes = int(next(line for line in lines if line.startswith("MemTotal")).split()[1])
    except OSError:
        pytest.skip("no /proc/meminfo here")
    assert memory.physical() == kilobytes * 1024
