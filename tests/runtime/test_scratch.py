import errno
import os
import signal
import subprocess
import sys
import tempfile

import pytest

from refusals import refused
from variate.errors import InputError
from variate.runtime import scratch
from variate.runtime.scratch import Scratch, filling, require_disk


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_is_written_can_be_read_and_closing_leaves_nothing(folder):
    file = Scratch()
    file.path.write_bytes(b"rows")
    assert file.path.read_bytes() == b"rows"
    assert file.path.stat().st_size == 4
    file.close()
    assert not file.path.exists()
    assert list(folder.iterdir()) == []
    file.close()


@pytest.mark.parametrize("platform", ["linux", "other"])
def test_an_object_that_is_no_longer_used_leaves_nothing(folder, platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    file = Scratch()
    file.path.write_bytes(b"rows")
    path = file.path
    assert [entry.name for entry in folder.iterdir()] == ([] if platform == "linux" else [path.name])
    del file
    assert not path.exists()
    assert list(folder.iterdir()) == []


MAKES_ONE = "import sys; sys.platform = {platform!r}; from variate.runtime.scratch import Scratch; file = Scratch(); "


def leave(folder, platform, then):
    """A process that makes a scratch file and ends."""
    code = MAKES_ONE.format(platform=platform) + f"file.path.write_bytes(b'rows'); {then}"
    environment = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the name until the file is removed")
@pytest.mark.parametrize("platform", ["linux", "other"])
def test_no_end_of_the_process_leaves_anything_for_long(folder, platform):
    assert leave(folder, platform, "raise SystemExit(3)") == 3
    assert list(folder.iterdir()) == []
    assert leave(folder, platform, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL
    assert len(list(folder.iterdir())) == (0 if platform == "linux" else 1)
    Scratch().close()
    assert list(folder.iterdir()) == []


def test_a_file_in_use_is_not_taken_for_a_leftover(folder, monkeypatch):
    monkeypatch.setattr(sys, "platform", "other")
    one = Scratch()
    other = Scratch()
    assert one.path.exists()
    assert other.path.exists()


def test_too_little_room_is_said_before_anything_is_written(folder, monkeypatch):
    require_disk(0, "x.csv")
    free = type("Usage", (), {"free": 3 * 2**30})
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: free)
    require_disk(3 * 2**30, "x.csv")
    error = refused(require_disk, 2**40, "x.csv")
    assert (error.argument, error.got) == ("x.csv", "3.0 GiB free")
    assert str(folder) in error.expected
    assert "TMPDIR" in error.remedy


def test_a_disk_that_fills_up_is_said_in_a_sentence(folder):
    with pytest.raises(InputError) as found, filling("x.csv"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert found.value.argument == "x.csv"
    assert "TMPDIR" in found.value.remedy
    with pytest.raises(OSError, match="input/output"), filling("x.csv"):
        raise OSError(errno.EIO, "input/output error")


def test_a_directory_that_cannot_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none" / "such"))
    (tmp_path / "none").write_text("a file")
    assert refused(Scratch).argument == str(tmp_path / "none" / "such")
