import errno
import os
from pathlib import Path

import pytest

from refusals import refused
from variate.runtime.reading import opened


def content(path):
    with opened(path, "a file of mine") as file:
        return file.read()


def test_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert content(tmp_path / "a") == b"abc"


@pytest.mark.parametrize(
    ("name", "got"), [("absent", "no file"), (".", "a directory"), ("a/b", "no file"), ("a\0b", "no file")]
)
def test_what_is_no_file_is_said(tmp_path, name, got):
    (tmp_path / "a").write_bytes(b"")
    error = refused(content, tmp_path / name)
    assert (error.argument, error.expected, error.got) == (
        str(tmp_path / name).replace("\0", "\\x00"),
        "a file of mine",
        got,
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="NOT TESTED: no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(content, tmp_path / "pipe").got == "something that is no file"


def test_a_name_that_is_too_long_is_said(tmp_path):
    assert "too long" in refused(content, tmp_path / ("a" * 5_000)).got


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
@pytest.mark.parametrize("where", ["open", "stat"])
def test_what_the_system_refuses_is_said_as_the_system_says_it(tmp_path, monkeypatch, code, where):
    (tmp_path / "a").write_bytes(b"abc")

    def refuse(*_arguments, **_named):
        raise OSError(code, "whatever")

    monkeypatch.setattr(Path, where, refuse)
    error = refused(content, tmp_path / "a")
    assert (error.expected, error.got) == ("a file that can be read", os.strerror(code).lower())


def test_what_goes_wrong_while_reading_is_said(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")

    def read():
        with opened(tmp_path / "a", "a file"):
            raise OSError(errno.EIO, "whatever")

    assert refused(read).got == os.strerror(errno.EIO).lower()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="NOT TESTED: root may read everything")
def test_permissions_are_no_damage(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "a").chmod(0)
    assert refused(content, tmp_path / "a").got == "permission denied"
