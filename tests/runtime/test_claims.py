"""Directories that one run writes to, and no other."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from refusals import refused
from variate.errors import InputError
from variate.runtime import claims
from variate.runtime.claims import Claim, InUseError
from variate.runtime.distributed import Processes

ONE = Processes()


@pytest.fixture
def run(tmp_path):
    return tmp_path / "runs" / "digits"


def entered(claim):
    """Holds a claim for a moment."""
    with claim.held(ONE):
        pass


def test_a_claimed_directory_is_there_and_no_other_claim_gets_it(run):
    with Claim(run, "out").held(ONE) as path:
        assert path == run
        assert run.is_dir()
        for attempt in (entered, Claim.look):
            error = refused(attempt, Claim(run, "out"))
            assert isinstance(error, InUseError)
            assert error.argument == "out"
            assert str(run) in error.got
        (run / "model").touch()
    entered(Claim(run, "out"))


def test_only_what_was_made_and_not_used_is_removed(run, tmp_path):
    entered(Claim(run, "out"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(KeyError), Claim(run, "out").held(ONE):
        raise KeyError
    assert not list(tmp_path.iterdir())
    with Claim(run, "out").held(ONE):
        (run / "model").touch()
    assert list(run.iterdir()) == [run / "model"]
    empty = tmp_path / "empty"
    empty.mkdir()
    entered(Claim(empty, "out"))
    assert empty.is_dir()


def test_looking_makes_nothing_and_says_what_would_be_taken(run, tmp_path):
    claim = Claim(run, "out", numbered=True)
    claim.look()
    assert claim.path == run
    assert not list(tmp_path.iterdir())


def test_numbered_directories_are_taken_one_after_the_other(run):
    with ExitStack() as held:
        taken = [held.enter_context(Claim(run, "out", numbered=True).held(ONE)) for _ in range(3)]
    assert [path.name for path in taken] == ["digits", "digits-2", "digits-3"]
    assert not run.parent.exists()


def test_a_file_in_the_way_is_called_a_file_and_numbers_go_past_it(run):
    run.parent.mkdir()
    run.touch()
    for attempt in (entered, Claim.look):
        error = refused(attempt, Claim(run, "out"))
        assert (error.argument, error.expected) == ("out", "a directory")
        assert "a file" in error.got
    with Claim(run, "out", numbered=True).held(ONE) as path:
        assert path.name == "digits-2"


def test_a_check_refuses_a_directory_as_a_lock_does(run):
    def check(path):
        if any(path.iterdir()):
            raise InUseError("out", "an empty one", "another")

    run.mkdir(parents=True)
    (run / "model").touch()
    for attempt in (entered, Claim.look):
        assert refused(attempt, Claim(run, "out", check=check)).expected == "an empty one"
    with Claim(run, "out", numbered=True, check=check).held(ONE) as path:
        assert path.name == "digits-2"
    entered(Claim(run, "out"))  # the lock was given up


def test_a_block_inside_another_is_the_same_claim(run):
    claim = Claim(run, "out")
    with claim.held(ONE):
        with claim.held(ONE) as path:
            assert path == run
        assert claim.is_held
        refused(entered, Claim(run, "out"))
    assert not claim.is_held
    entered(claim)


def test_threads_that_begin_at_one_moment_get_directories_of_their_own(run):
    number, names = 20, []
    together = threading.Barrier(number)

    def start(_):
        together.wait()
        with Claim(run, "out", numbered=True).held(ONE) as path:
            (path / "mine").touch(exist_ok=False)
            together.wait()
            names.append(path.name)

    with ThreadPoolExecutor(number) as pool:
        list(pool.map(start, range(number)))
    assert sorted(names) == sorted(["digits", *(f"digits-{n}" for n in range(2, number + 1))])


WAITING = """
import sys
from pathlib import Path
from variate.errors import InputError
from variate.runtime.claims import Claim
from variate.runtime.distributed import Processes
print("ready", flush=True)
sys.stdin.readline()
try:
    with Claim(Path(sys.argv[1]), "out", numbered=sys.argv[2] == "numbered").held(Processes()) as path:
        print(path.name, flush=True)
        sys.stdin.readline()
        (path / "mine").touch()
except InputError as error:
    print(type(error).__name__, flush=True)
"""


def waiting(run, kind):
    """A process that claims a directory at the first line it is sent, and lets it go at the second."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", WAITING, str(run), kind], text=True, **pipes)


def told(process, line="\n"):
    process.stdin.write(line)
    process.stdin.flush()


@pytest.mark.parametrize("kind", ["numbered", "named"])
def test_processes_that_begin_at_one_moment_share_no_directory(run, kind):
    with ExitStack() as running:
        processes = [running.enter_context(waiting(run, kind)) for _ in range(6)]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            told(process)
        names = [process.stdout.readline().strip() for process in processes]
        for process in processes:
            process.communicate("\n")
    expected = ["digits", *(f"digits-{n}" if kind == "numbered" else "InUseError" for n in range(2, 7))]
    assert sorted(names) == sorted(expected)


def test_the_claim_of_a_killed_process_is_free(run):
    with waiting(run, "named") as process:
        told(process)
        assert process.stdout.readline() + process.stdout.readline() == "ready\ndigits\n"
        refused(entered, Claim(run, "out"))
        process.kill()
    entered(Claim(run, "out"))
    assert run.is_dir()  # which the killed process made


def test_a_directory_that_was_removed_or_renamed_is_claimed_again(run):
    claim = Claim(run, "out")
    with claim.held(ONE):
        assert not claim.renew()
        (run / "model").touch()
        shutil.rmtree(run.parent)
        assert claim.renew()
        assert not claim.renew()
        refused(entered, Claim(run, "out"))
        run.rename(run.with_name("kept"))
        assert claim.renew()
        entered(Claim(run.with_name("kept"), "out"))
        (run / "model").touch()
    entered(Claim(run, "out"))


@pytest.mark.parametrize("its_run_goes_on", [True, False])
def test_a_directory_that_has_become_another_runs_is_left_alone(run, its_run_goes_on):
    claim, other = Claim(run, "out"), Claim(run, "out")
    with claim.held(ONE), ExitStack() as held:
        run.rename(run.with_name("moved"))
        held.enter_context(other.held(ONE))
        (run / "model").touch()
        if not its_run_goes_on:
            held.close()
        error = refused(claim.renew)
        assert error.argument == str(run)
    assert list(run.iterdir()) == [run / "model"]


def test_an_empty_directory_of_another_run_is_not_removed(run):
    claim, other = Claim(run, "out"), Claim(run, "out")
    with claim.held(ONE):
        run.rename(run.with_name("moved"))
        with other.held(ONE):
            assert refused(claim.renew).argument == str(run)
            assert not other.renew()


def test_parts_that_a_killed_process_left_are_removed(run):
    run.mkdir(parents=True)
    for name in (".model.safetensors.123-0123abcd.part", ".old.json.99.part", "mine.part", ".mine.part"):
        (run / name).touch()
    with Claim(run, "out").held(ONE):
        assert sorted(path.name for path in run.iterdir()) == [".mine.part", "mine.part"]


def test_without_locks_only_directories_that_were_made_are_told_apart(run, monkeypatch):
    monkeypatch.setattr(claims, "lock", lambda *_, **__: None)
    with ExitStack() as held:
        names = [held.enter_context(Claim(run, "out", numbered=True).held(ONE)).name for _ in range(3)]
        assert names == ["digits", "digits-2", "digits-3"]
        entered(Claim(run, "out"))


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.ENOENT])
def test_a_directory_that_cannot_be_made_is_named_with_the_reason(run, monkeypatch, number):
    monkeypatch.setattr(Path, "mkdir", failing(number))
    for numbered in (False, True):
        error = refused(entered, Claim(run, "out", numbered=numbered))
        assert type(error) is InputError
        assert (error.argument, error.got) == (str(run), os.strerror(number)[0].lower() + os.strerror(number)[1:])


def test_a_directory_that_cannot_be_written_to_is_refused_at_once(run, monkeypatch):
    run.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    error = refused(entered, Claim(run, "out"))
    assert (error.argument, error.got) == (str(run), "permission denied")
    monkeypatch.undo()
    entered(Claim(run, "out"))


@pytest.mark.parametrize(("name", "got"), [("file/run", "not a directory"), (300 * "x", "file name too long")])
def test_impossible_paths_are_named_with_the_reason(tmp_path, name, got):
    (tmp_path / "file").touch()
    for attempt in (entered, Claim.look):
        error = refused(attempt, Claim(tmp_path / name, "out"))
        assert (error.argument, error.got) == (str(tmp_path / name), got)


def test_a_working_directory_that_was_deleted_is_said(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    error = refused(entered, Claim(Path("runs", "digits"), "out", numbered=True))
    assert error.argument == str(Path("runs", "digits"))
    assert "working directory" in error.got
