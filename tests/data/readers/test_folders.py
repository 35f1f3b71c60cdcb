import errno
import os
import socket

import pytest

from variate.data.readers.folders import Found, look_below, look_into


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


@pytest.fixture
def unreadable(monkeypatch):
    """Makes folders of one name unreadable, also for root."""

    def deny(name, number=errno.EACCES):
        scan = os.scandir

        def scandir(path):
            if os.fspath(path).endswith(name):
                raise OSError(number, os.strerror(number), os.fspath(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return deny


def test_everything_below_is_found_and_sorted(tmp_path):
    write(tmp_path, "b", "a.txt", "sub/c", "sub/deep/d", ".hidden", ".git/e", "sub/.f")
    assert look_below(tmp_path) == Found(["a.txt", "b", "sub/c", "sub/deep/d"], ["sub", "sub/deep"], [])
    into = look_into(tmp_path)
    assert (sorted(into.files), into.folders, into.unread) == (["a.txt", "b"], ["sub"], [])


def test_a_sub_folder_that_cannot_be_read_is_named(tmp_path, unreadable):
    write(tmp_path, "a", "sub/b", "sub/deep/c")
    unreadable("deep")
    assert look_below(tmp_path) == Found(["a", "sub/b"], ["sub", "sub/deep"], ["sub/deep (Permission denied)"])


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENAMETOOLONG, errno.EIO])
def test_a_folder_that_cannot_be_read_is_an_error_of_the_system(tmp_path, unreadable, number):
    unreadable(tmp_path.name, number)
    for look in (look_into, look_below):
        with pytest.raises(OSError) as caught:
            look(tmp_path)
        assert caught.value.errno == number


def test_a_folder_that_vanishes_is_named(tmp_path, unreadable):
    write(tmp_path, "a", "sub/b")
    unreadable("sub", errno.ENOENT)
    assert look_below(tmp_path).unread == ["sub (No such file or directory)"]


def test_links_are_followed(tmp_path):
    write(tmp_path, "elsewhere/c", "elsewhere/deep/d", "data/a")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere" / "c")
    found = look_below(tmp_path / "data")
    assert (found.files, found.unread) == (["a", "b", "linked/c", "linked/deep/d"], [])


def test_no_folder_is_read_twice(tmp_path):
    write(tmp_path, "data/sub/a", "beside/b")
    data = tmp_path / "data"
    (data / "again").symlink_to(data / "sub")
    (data / "circle").symlink_to(data)
    (data / "sub" / "self").symlink_to(".")
    (data / "up").symlink_to(tmp_path)
    (data / "root").symlink_to("/")
    found = look_below(data)
    assert found.files == ["sub/a"]  # of the folder itself, and not of a link that comes before it
    assert [name.partition(" ")[0] for name in found.unread] == ["again", "circle", "root", "sub/self", "up"]
    assert all("read already" in name for name in found.unread)


def test_two_links_to_one_folder_are_read_once(tmp_path):
    write(tmp_path, "elsewhere/a", "data/b")
    for name in ("first", "second"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere")
    found = look_below(tmp_path / "data")
    assert (found.files, len(found.unread)) == (["b", "first/a"], 1)


def test_what_is_no_file_is_named_and_not_opened(tmp_path, monkeypatch):
    write(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/null")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "knot.png").symlink_to(tmp_path / "knot.png")
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        found = look_below(tmp_path)
    assert found.files == ["a.png"]
    words = dict(name[:-1].split(" (") for name in found.unread)
    assert words == {
        "device.png": "a device",
        "gone.png": "a link to nothing",
        "knot.png": os.strerror(errno.ELOOP),
        "pipe.png": "a pipe",
        "socket.png": "a socket",
    }


def test_names_that_are_no_text_are_kept(tmp_path):
    name = os.fsdecode(b"\xff\xfe.png")
    write(tmp_path, name)
    assert look_below(tmp_path).files == [name]
