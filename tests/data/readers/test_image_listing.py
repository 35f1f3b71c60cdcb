import os
import zipfile

import pytest

from refusals import refused
from variate.data.readers import image_listing
from variate.data.readers.image_listing import images_in_folder, images_in_zip, require_images
from variate.errors import InputError
from variate.runtime import memory

FILES = {
    "b.png": b"1",
    "a.JPG": b"2",
    "sub/deep/c.webp": b"3",
    "notes.txt": b"4",
    ".hidden.png": b"5",
    ".git/d.png": b"6",
    "README": b"7",
}


def contents(listing):
    def content(entry):
        with entry.open() as stream:
            return stream.read()

    return {entry.name: content(entry) for entry in listing.entries}


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_folder_is_sorted_and_leaves_out_what_is_hidden(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    listing = images_in_folder(tmp_path)
    assert list(contents(listing).items()) == [("a.JPG", b"2"), ("b.png", b"1"), ("sub/deep/c.webp", b"3")]
    assert listing.others == ("README", "notes.txt")


def test_folder_names_what_cannot_be_opened(tmp_path):
    (tmp_path / "a.png").write_bytes(b"1")
    os.mkfifo(tmp_path / "b.png")
    (tmp_path / "c.png").symlink_to("nothing")
    listing = images_in_folder(tmp_path)
    assert contents(listing) == {"a.png": b"1"}
    assert listing.unread == ("b.png (a pipe)", "c.png (a link to nothing)")
    (tmp_path / "a.png").unlink()
    assert "b.png (a pipe)" in refused(require_images, images_in_folder(tmp_path), "x").got


def test_folder_with_links_to_folders(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(b"1")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train").symlink_to(tmp_path / "elsewhere")
    assert contents(images_in_folder(tmp_path / "data")) == {"train/a.png": b"1"}


def test_zip_is_as_a_folder(tmp_path):
    files = {**FILES, "__MACOSX/._b.png": b"8", "sub/": b""}
    with images_in_zip(zipped(tmp_path / "x.zip", files)) as listing:
        assert list(contents(listing).items()) == [("a.JPG", b"2"), ("b.png", b"1"), ("sub/deep/c.webp", b"3")]
        assert listing.others == ("README", "notes.txt")


def test_zip_is_never_extracted(tmp_path):
    with images_in_zip(zipped(tmp_path / "x.zip", {"../evil.png": b"1", "/root.png": b"2"})) as listing:
        assert contents(listing) == {"/root.png": b"2"}
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_zip_that_would_not_fit_in_memory(tmp_path, monkeypatch):
    path = zipped(tmp_path / "x.zip", {"a.png": bytes(600), "b.png": bytes(600), "c.txt": bytes(10**6)})
    monkeypatch.setattr(memory, "physical", lambda: 1200)
    with images_in_zip(path):
        pass
    monkeypatch.setattr(memory, "physical", lambda: 1199)
    with pytest.raises(InputError) as error, images_in_zip(path):
        pass
    assert error.value.argument == str(path)


def test_zip_that_is_none(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no archive")
    with pytest.raises(InputError) as error, images_in_zip(tmp_path / "x.zip"):
        pass
    assert error.value.argument == str(tmp_path / "x.zip")
    assert "complete .zip" in error.value.expected


def test_encrypted_member_cannot_be_opened(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.png": b"1"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    path.write_bytes(content)
    with images_in_zip(path) as listing, pytest.raises(OSError, match="encrypted"):
        listing.entries[0].open()


def test_a_source_without_images_says_what_was_there(tmp_path):
    error = refused(require_images, images_in_folder(tmp_path), "x")
    assert error.argument == "x"
    assert ".jpeg" in error.expected
    assert error.got == "no files"
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"")
    assert "2 files (.csv, no ending)" in refused(require_images, images_in_folder(tmp_path), "x").got
    (tmp_path / "c.png").write_bytes(b"")
    require_images(images_in_folder(tmp_path), "x")


def test_entries_of_a_zip_are_independent_streams(tmp_path):
    with images_in_zip(zipped(tmp_path / "x.zip", {"a.png": b"123"})) as listing:
        first, second = listing.entries[0].open(), listing.entries[0].open()
        assert (first.read(2), second.read()) == (b"12", b"123")


def test_members_too_large_for_an_image_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(image_listing, "LARGEST_MEMBER", 2**20)
    with images_in_zip(zipped(tmp_path / "x.zip", {"a.png": bytes(2**20), "b.png": bytes(2**20 + 1)})) as listing:
        assert listing.entries[0].open().read() == bytes(2**20)
        with pytest.raises(OSError, match="too large"):
            listing.entries[1].open()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_of_any_kind(tmp_path):
    names = ["a\x1b[31m.png", "a" * 60_000 + ".png", "\udcff.png".encode("utf-8", "replace").decode(), "x\\y.png"]
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ["@@@@", *names, names[0]]:
            archive.writestr(name, b"1")
    path.write_bytes(path.read_bytes().replace(b"@@@@", b"\0@@@"))  # a name ends before its first NUL
    with images_in_zip(path) as listing:
        assert sorted(entry.name for entry in listing.entries) == sorted([*names, names[0]])
        assert listing.others == ("",)


def test_an_empty_member_is_not_opened(tmp_path):
    with (
        images_in_zip(zipped(tmp_path / "x.zip", {"a.png": b""})) as listing,
        pytest.raises(OSError, match="empty"),
    ):
        listing.entries[0].open()
