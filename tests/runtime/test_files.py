"""Files are written completely or not at all, and killed writers leave nothing for long."""

import errno
import os
import subprocess
import sys

import pytest

from refusals import refused
from variate.runtime import files


def entries(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("path", [3, None, [1.0], str, b"runs", "a\0b"])
def test_what_is_no_path_is_refused(path):
    error = refused(files.as_path, path, "run", "a directory")
    assert (error.argument, error.expected) == ("run", "a directory")


def test_a_write_replaces_the_old_content_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "note.txt"
    files.write_text(path, "old")
    files.write_text(path, "new: grün")
    assert path.read_text(encoding="utf-8") == "new: grün"
    assert entries(tmp_path) == ["note.txt"]


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Interrupted])
@pytest.mark.parametrize("old", [None, "old"])
def test_an_exception_leaves_the_old_file_or_none(tmp_path, error, old):
    path = tmp_path / "note.txt"
    if old:
        path.write_text(old)

    def write():
        with files.replacing(path) as part:
            part.write_text("half of the n")
            assert part.parent == path.parent
            assert (path.read_text() if path.exists() else None) == old
            raise error

    with pytest.raises(error):
        write()
    assert entries(tmp_path) == (["note.txt"] if old else [])
    if old:
        assert path.read_text() == old


def test_the_target_is_whole_before_it_is_renamed(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: order.append("fsync"))
    replace = files.Path.replace
    monkeypatch.setattr(type(tmp_path), "replace", lambda part, path: (order.append("rename"), replace(part, path))[1])
    files.write_text(tmp_path / "note.txt", "text")
    assert order[:2] == ["fsync", "rename"]


WRITING = """
import sys
from pathlib import Path
from variate.runtime import files
with files.replacing(Path(sys.argv[1])) as part:
    part.write_text("half of the n")
    print(part.name, flush=True)
    sys.stdin.read()
"""


def writing(path):
    """A process in the midst of writing a file, and the name of its part."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", WRITING, str(path)], text=True, **pipes)
    return process, process.stdout.readline().strip()


needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks to tell by")


@needs_locks
def test_the_next_writer_removes_the_part_of_a_killed_one(tmp_path):
    path = tmp_path / "note.txt"
    files.write_text(path, "old")
    process, part = writing(path)
    with process:
        process.kill()
    files.write_text(tmp_path / "other.txt", "x")
    assert entries(tmp_path) == sorted([part, "note.txt", "other.txt"])
    files.write_text(path, "new")
    assert entries(tmp_path) == ["note.txt", "other.txt"]


@needs_locks
def test_the_part_of_a_living_process_stays(tmp_path):
    path = tmp_path / "note.txt"
    process, part = writing(path)
    with process:
        for clean in (lambda: files.write_text(path, "another's"), lambda: files.remove_parts(tmp_path)):
            clean()
            assert entries(tmp_path) == sorted([part, "note.txt"])
        process.communicate("")
    assert process.returncode == 0
    assert entries(tmp_path) == ["note.txt"]
    assert path.read_text() == "half of the n"


@needs_locks
def test_parts_of_all_files_or_of_one_are_removed_and_nothing_else(tmp_path):
    others = ["a.12.part", ".a.part", ".a.12-x.part", ".a.12.part.txt"]
    for name in (".a.12.part", ".a.12-0123abcd.part", ".b.12.part", *others):
        (tmp_path / name).touch()
    (tmp_path / ".d.12.part").mkdir()
    files.remove_parts(tmp_path, "a")
    assert entries(tmp_path) == sorted([".b.12.part", ".d.12.part", *others])
    files.remove_parts(tmp_path)
    assert entries(tmp_path) == sorted([".d.12.part", *others])
    files.remove_parts(tmp_path / "nowhere")


def test_parts_that_cannot_be_told_from_living_ones_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "lock", lambda _: None)
    (tmp_path / ".note.txt.12.part").touch()
    files.write_text(tmp_path / "note.txt", "new")
    assert entries(tmp_path) == [".note.txt.12.part", "note.txt"]


def test_two_writers_of_a_file_in_one_process_do_not_share_a_part(tmp_path):
    path = tmp_path / "note.txt"
    with files.replacing(path) as one:
        one.write_text("one")
        with files.replacing(path) as other:
            other.write_text("other")
        assert path.read_text() == "other"
    assert path.read_text() == "one"
    assert entries(tmp_path) == ["note.txt"]


def said(number):
    return os.strerror(number)[0].lower() + os.strerror(number)[1:]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("where", ["fsync", "replace", "write"])
def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path, monkeypatch, number, where):
    path = tmp_path / "note.txt"
    files.write_text(path, "old")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    if where == "fsync":
        monkeypatch.setattr(files.os, "fsync", fail)
    if where == "replace":
        monkeypatch.setattr(type(path), "replace", fail)

    def write():
        with files.replacing(path) as part:
            part.write_text("new")
            if where == "write":
                fail()

    error = refused(write)
    assert (error.argument, error.got) == (str(path), said(number))
    assert error.remedy
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert entries(tmp_path) == ["note.txt"]


def test_what_cannot_be_written_to_is_named_with_the_reason(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    long = 300 * "x"
    refusals = {"file/a": errno.ENOTDIR, "file/a/b": errno.ENOTDIR, "folder": errno.EISDIR, long: errno.ENAMETOOLONG}
    for name, number in refusals.items():
        error = refused(files.write_text, tmp_path / name, "text")
        assert (error.argument, error.got) == (str(tmp_path / name), said(number))
    assert entries(tmp_path) == ["file", "folder"]


def test_errors_of_what_a_block_reads_are_not_called_errors_of_writing(tmp_path):
    with pytest.raises(FileNotFoundError) as raised, files.replacing(tmp_path / "note.txt"):
        (tmp_path / "data.csv").read_text()
    assert raised.value.filename == str(tmp_path / "data.csv")
    assert not list(tmp_path.iterdir())


def test_a_part_that_is_taken_away_is_an_error_of_the_target(tmp_path):
    path = tmp_path / "note.txt"

    def write():
        with files.replacing(path) as part:
            part.unlink()

    error = refused(write)
    assert (error.argument, error.got) == (str(path), said(errno.ENOENT))


LIMITED = """
import resource, sys
from pathlib import Path
from variate.errors import InputError
from variate.runtime import files
path = Path(sys.argv[1])
files.append_text(path, "0123456789")
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
for write in (files.append_text, files.write_text):
    try:
        write(path, 30 * "x")
    except InputError as error:
        print(error.argument == str(path), error.got)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_what_does_not_fit_is_taken_back(tmp_path):
    path = tmp_path / "note.txt"
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == 2 * f"True {said(errno.EFBIG)}\n"
    assert path.read_text() == "0123456789"
    assert entries(tmp_path) == ["note.txt"]


def test_text_is_appended_to_what_is_there(tmp_path):
    for text in ("a\n", "grün\n"):
        files.append_text(tmp_path / "note.txt", text)
    assert (tmp_path / "note.txt").read_text(encoding="utf-8") == "a\ngrün\n"
