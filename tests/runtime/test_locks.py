"""Locks that end with the process that holds them."""

import errno
import os
import subprocess
import sys

import pytest

from variate.runtime import locks
from variate.runtime.locks import is_at, lock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


@pytest.fixture(params=["file", "directory"])
def path(request, tmp_path):
    path = tmp_path / "x"
    path.touch() if request.param == "file" else path.mkdir()
    return path


@pytest.fixture
def opened(path):
    """Opens the path anew at each call."""
    descriptors = []

    def opened():
        descriptors.append(os.open(path, os.O_RDONLY))
        return descriptors[-1]

    yield opened
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_lock_is_against_other_descriptors_and_ends_with_its_own(path, opened):
    first = os.open(path, os.O_RDONLY)
    assert lock(first) is True
    assert lock(opened()) is False
    assert lock(opened(), shared=True) is False
    os.close(first)
    assert lock(opened()) is True


def test_shared_locks_are_against_exclusive_ones_only(opened):
    assert lock(opened(), shared=True)
    assert lock(opened(), shared=True)
    assert lock(opened()) is False


def test_a_killed_process_gives_its_locks_up(path, opened):
    code = f"""
import os, sys
from variate.runtime.locks import lock
assert lock(os.open({str(path)!r}, os.O_RDONLY))
print("locked", flush=True)
sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as process:
        assert process.stdout.readline() == "locked\n"
        assert lock(opened()) is False
        process.kill()
    assert lock(opened()) is True


def test_it_is_said_where_there_are_no_locks(opened, monkeypatch):
    def refuse(descriptor, how):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # as NFS does of directories

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    assert lock(opened()) is None


def test_a_path_is_an_open_file_until_it_is_removed_or_replaced(path, opened):
    descriptor = opened()
    assert is_at(descriptor, path)
    moved = path.rename(path.with_name("y"))
    assert not is_at(descriptor, path)
    path.mkdir()
    assert not is_at(descriptor, path)
    assert is_at(descriptor, moved)
