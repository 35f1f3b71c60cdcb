"""Exit codes and sentences for whatever a command raises."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from variate.cli.endings import ended_by
from variate.cli.signals import Ended
from variate.errors import InputError, NonFiniteError, Option, Sentence
from variate.runtime.distributed import LostProcessError


def system(name, *names):
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), *names)


@pytest.mark.parametrize(
    "name",
    ["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOENT", "ENAMETOOLONG", "ENOTDIR", "EISDIR", "EMFILE", "EDQUOT", "ELOOP",
     "EFBIG", "ETXTBSY", "EEXIST", "ENOTEMPTY"],
)  # fmt: skip
def test_what_the_system_refuses_and_the_user_can_fix_names_the_file(name):
    end = ended_by(system(name, "a\nb.npy"))
    assert (end.code, end.is_fault) == (2, False)
    assert end.message == f"error: cannot use 'a\\nb.npy': {os.strerror(getattr(errno, name))}"


def test_names_may_be_two_bytes_or_missing():
    assert "'a' and 'b'" in ended_by(system("EACCES", "a", None, "b")).message
    assert "'\\udcff'" in ended_by(system("EACCES", b"\xff")).message
    assert ended_by(system("EMFILE")).message == f"error: {os.strerror(errno.EMFILE)}"
    assert ended_by(system("EMFILE", 3)).message == f"error: {os.strerror(errno.EMFILE)}"


@pytest.mark.parametrize("name", ["EIO", "EINVAL", "EPIPE"])
def test_faults_of_the_machine_are_no_mistakes(name):
    end = ended_by(system(name, "a.npy"))
    assert (end.code, end.is_fault) == (1, True)
    assert f"cannot use 'a.npy': {os.strerror(getattr(errno, name))}" in end.message


def test_a_deleted_working_directory_is_named(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError) as raised:
        Path.cwd()
    end = ended_by(raised.value)
    assert end.code == 2
    assert "working directory was deleted" in end.message


def test_memory_that_runs_out_is_a_sentence():
    with pytest.raises(MemoryError) as raised:
        np.empty(2**50)
    for error in (
        MemoryError(),
        raised.value,
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ):
        end = ended_by(error)
        assert (end.code, end.is_fault) == (2, False)
        assert end.message.startswith("error: memory: expected work that fits in ")
        assert Option("batch_size") in end.message.parts


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("lr", "a number", "x"), 2, "error: lr: expected a number, got x"),
        (NonFiniteError(Sentence("no step; lower ", Option("lr"))), 2, "error: no step; lower lr"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Ended(15), 143, "ended by SIGTERM"),
        (LostProcessError(Sentence("use ", Option("resume", True))), 1, "failed: use resume=True"),
        (RecursionError("too deep"), 1, "failed: RecursionError: too deep (VARIATE_DEBUG=1 shows where)"),
        (RuntimeError("one\ntwo"), 1, "failed: RuntimeError: one (VARIATE_DEBUG=1 shows where)"),
        (OSError("text of Pillow"), 1, "failed: OSError: text of Pillow (VARIATE_DEBUG=1 shows where)"),
    ],
)
def test_other_errors(error, code, message):
    end = ended_by(error)
    assert (end.code, end.message, end.is_printed) == (code, message, True)
    assert end.is_fault == ("VARIATE_DEBUG" in message)
