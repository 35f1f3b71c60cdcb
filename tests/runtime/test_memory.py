import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from refusals import refused
from variate.errors import Option, Sentence
from variate.runtime import memory


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No limits but those that a test sets: neither of ulimit nor of the control groups of this machine."""
    monkeypatch.setattr(memory, "_left_by_ulimit", lambda: iter(()))
    monkeypatch.setattr(memory, "PROCESS", tmp_path / "proc")
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tmp_path / "cgroup")


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


def group(folder, own, limits):
    """Files of the system in which this process is in the control groups `own` and these have limits."""
    (folder / "proc").mkdir(exist_ok=True)
    (folder / "proc" / "cgroup").write_text(own)
    for name, limit in limits.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{limit}\n")


V1 = "memory.limit_in_bytes"


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": 1000}, 1000),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": 500}, 500),
        ("0::/a/b\n", {"a/b/memory.max": 300, "a/memory.max": 500, "memory.max": 900}, 300),
        ("0::/a/b\n", {"memory.max": 900}, 900),  # a container that sees its own group as the root
        ("0::/../../c\n", {"memory.max": 900}, 900),
        ("0::/a/b\n", {"a/b/memory.max": "max"}, None),
        ("5:cpu:/x\n4:memory,hugetlb:/a\n", {f"memory/a/{V1}": 700, f"memory/{V1}": 9223372036854771712}, 700),
        ("4:memory:/docker/0123\n0::/\n", {f"memory/{V1}": 800}, 800),
        ("nonsense\n\n0::\n", {"memory.max": "nonsense"}, None),
        ("", {"memory.max": 1}, None),
    ],
)
def test_limits_of_control_groups_count(tmp_path, monkeypatch, own, limits, expected):
    monkeypatch.setattr(memory, "physical", lambda: None)
    group(tmp_path, own, limits)
    found = memory.tightest()
    assert (found and found.size) == expected
    if found:
        memory.require(found.size, "a.npy")
        assert "container" in refused(memory.require, found.size + 1, "a.npy").expected


def test_the_least_limit_counts_and_is_named(tmp_path, monkeypatch):
    group(tmp_path, "0::/\n", {"memory.max": 200})
    for machine, left, size, words in (
        (100, [], 100, "machine"),
        (300, [250], 200, "container"),
        (300, [50], 50, "ulimit"),
    ):
        monkeypatch.setattr(memory, "physical", lambda machine=machine: machine)
        monkeypatch.setattr(memory, "_left_by_ulimit", lambda left=left: iter(left))
        assert memory.tightest().size == size
        assert words in refused(memory.require, 301, "a.npy").expected
        assert memory.streams("auto", size // 2 + 1)


LIMITED = """
import resource, sys
from variate.runtime import memory
before = memory.tightest()
for kind, name in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
    lines = open("/proc/self/status").read().splitlines()
    used = 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
    resource.setrlimit(kind, (used + 2**26, resource.RLIM_INFINITY))
    found = memory.tightest()
    assert "ulimit" in found.where and 0 < found.size <= 2**26, found
    assert found.size > 2**25, found
    with memory.refusing_shortage("a.npy"):
        bytearray(found.size // 2)
    try:
        with memory.refusing_shortage("a.npy"):
            bytearray(found.size + 2**25)
    except ValueError as error:
        assert type(error).__name__ == "InputError" and error.argument == "a.npy" and "ulimit" in error.expected
    else:
        raise AssertionError("as much as there is not was given")
    resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert memory.tightest() == before
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="NOT TESTED: no /proc here")
def test_ulimit_counts_less_what_is_in_use():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_expected_and_what_to_do_are_said_of_anything(monkeypatch):
    monkeypatch.setattr(memory, "physical", lambda: memory.GIB)
    remedy = Sentence("lower ", Option("width"))
    error = refused(memory.require, 2**31, "the model", "a model that fits", remedy)
    assert error.expected == "a model that fits in the 1.0 GiB of memory of this machine"
    assert (error.argument, error.got, error.remedy) == ("the model", "2.0 GiB", "lower width")


def too_much():
    return np.ones(2**58)


@pytest.mark.parametrize(
    "take",
    [
        too_much,
        lambda: torch.empty(2**58),
        lambda: bytearray(2**60),
        lambda: (_ for _ in ()).throw(OSError(errno.ENOMEM, "no")),
        lambda: (_ for _ in ()).throw(RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")),
    ],
)
def test_a_shortage_becomes_a_sentence(take):
    def work():
        with memory.refusing_shortage("a.npy", "rows that fit", "give fewer"):
            take()

    error = refused(work)
    assert (error.argument, error.remedy) == ("a.npy", "give fewer")
    assert error.expected.startswith("rows that fit in ")


@pytest.mark.parametrize(
    "other", [RuntimeError("shapes differ"), OSError(errno.EIO, "x"), ValueError("y"), KeyError("z")]
)
def test_what_is_no_shortage_is_raised_as_it_is(other):
    with pytest.raises(type(other)) as error, memory.refusing_shortage("a.npy"):
        raise other
    assert error.value is other


@pytest.mark.parametrize(
    ("size", "words"),
    [(3 * 2**29, "1.5 GiB"), (2**40, "1,024.0 GiB"), (300 * 2**20, "300 MiB"), (20_000, "less than 1 MiB")],
)
def test_amounts(size, words):
    assert memory.amount(size) == words
