import io
import os
import struct
import zipfile

import pytest

from variate.data.readers.zips import Unpacked, open_member, opened_zip
from variate.errors import InputError

CONTENT = os.urandom(5000) + bytes(200_000)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def zipped(path, method=zipfile.ZIP_DEFLATED, content=CONTENT, name="a"):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


def patched(path, offset, value):
    """Overwrites bytes of the archive's directory."""
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02") + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)
    return path


def opened(path):
    return opened_zip(path, "a complete archive", "make it again")


def refusal(path):
    with pytest.raises(InputError) as caught, opened(path):
        pass
    return caught.value


@pytest.mark.parametrize("method", METHODS)
def test_members_come_back(tmp_path, method):
    with opened(zipped(tmp_path / "x.zip", method)) as archive, open_member(archive, archive.infolist()[0]) as stream:
        assert stream.read() == CONTENT


@pytest.mark.parametrize("method", METHODS)
def test_little_is_asked_for_at_once(tmp_path, method, monkeypatch):
    asked = []
    read = zipfile.ZipExtFile._read2

    def counted(stream, size):
        asked.append(size)
        return read(stream, size)

    monkeypatch.setattr(zipfile.ZipExtFile, "_read2", counted)
    with opened(zipped(tmp_path / "x.zip", method)) as archive, open_member(archive, archive.infolist()[0]) as stream:
        stream.read()
    assert max(asked) <= (2**12 if method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA) else 2**20)


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"PK\x05\x06" + b"\xff" * 18, b"PK\x05\x06" + bytes(18) + b"x"]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "x.zip"
    path.write_bytes(content + b"PK\x05\x06" * (len(content) > 22))
    error = refusal(path)
    assert (error.argument, error.expected, error.remedy) == (str(path), "a complete archive", "make it again")


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (6, b"\x7f"),  # a version of the format that is not known
        (24, b"\xff\xff\xff\xff"),  # a size that is said to be in a field that is not there
        (46, b"\xff"),  # a name that is no UTF-8
    ],
)
def test_a_damaged_directory_is_refused(tmp_path, offset, value):
    path = tmp_path / "x.zip"
    info = zipfile.ZipInfo("ä")
    info.extra = b"\x01\x00\x04\x00" + bytes(4)  # a field of zip64 that is too short
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, CONTENT)
    assert refusal(patched(path, offset, value)).argument == str(path)


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        (10, b"\x63\x00", NotImplementedError),  # an unknown method
        (8, b"\x40\x00", NotImplementedError),  # strong encryption
        (8, b"\x01\x00", OSError),  # encryption
        (42, b"\x05\x00\x00\x00", zipfile.BadZipFile),  # begins elsewhere
        (24, b"\xff\xff\xff\x7f", zipfile.BadZipFile),  # claims 2 GiB
    ],
)
def test_a_member_that_cannot_be_opened(tmp_path, offset, value, error):
    path = patched(zipped(tmp_path / "x.zip"), offset, value)
    with opened(path) as archive, pytest.raises(error):
        open_member(archive, archive.infolist()[0])


def test_a_member_gives_no_more_than_it_claims(tmp_path):
    path = patched(zipped(tmp_path / "x.zip"), 24, (1000).to_bytes(4, "little"))
    with (
        opened(path) as archive,
        open_member(archive, archive.infolist()[0]) as stream,
        pytest.raises(zipfile.BadZipFile, match="CRC"),
    ):
        stream.read()


def directory_of(path, change):
    """Replaces the entries of an archive's directory."""
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entries = change(content[start:end])
    path.write_bytes(content[:start] + entries + content[end : end + 12] + struct.pack("<IIH", len(entries), start, 0))
    return path


def test_members_that_overlap_are_refused(tmp_path):
    path = directory_of(zipped(tmp_path / "x.zip"), lambda entry: entry * 1000)
    error = refusal(path)
    assert (error.argument, "within another" in error.got) == (str(path), True)
    with opened(directory_of(path, lambda entries: entries[: len(entries) // 1000])) as archive:
        assert len(archive.infolist()) == 1


@pytest.mark.parametrize(("rest", "checked"), [(100_000, True), (3 * 2**20, False)])
def test_the_checksum_is_compared_unless_much_is_left(tmp_path, rest, checked):
    path = zipped(tmp_path / "x.zip", content=CONTENT + bytes(rest))
    patched(path, 16, b"\0\0\0\0")
    with opened(path) as archive:
        info = archive.infolist()[0]
        member = Unpacked(open_member(archive, info), info.file_size)
        assert member.read(len(CONTENT)) == CONTENT
        if checked:
            with pytest.raises(zipfile.BadZipFile, match="CRC"):
                member.check()
        else:
            member.check()


class Counted(io.BytesIO):
    """A stream that says how far it was read."""

    reached = 0

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.reached += count
        return count


def test_one_can_go_back_in_what_was_unpacked():
    stream = Counted(CONTENT)
    unpacked = Unpacked(io.BufferedReader(stream, 1), len(CONTENT))
    assert unpacked.seek(0, os.SEEK_END) == len(CONTENT)
    assert stream.reached == 0  # only the length was asked for
    assert unpacked.seek(0) == 0
    assert unpacked.read(100) == CONTENT[:100]
    assert unpacked.seek(-50, os.SEEK_CUR) == unpacked.tell() == 50
    assert unpacked.read(10) == CONTENT[50:60]
    unpacked.seek(4000)
    assert unpacked.read(10) == CONTENT[4000:4010]
    assert stream.reached < 5000
    assert unpacked.read() == CONTENT[4010:]
    assert unpacked.read(5) == b""
    unpacked.seek(10**9)
    assert unpacked.read(5) == b""
    with pytest.raises(ValueError, match="negative"):
        unpacked.seek(-1)


def test_a_member_shorter_than_it_claims_ends():
    unpacked = Unpacked(io.BufferedReader(io.BytesIO(b"123")), 10)
    assert unpacked.read() == b"123"
    unpacked.check()
    assert unpacked.read() == b""
