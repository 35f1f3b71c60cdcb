"""Zip archives: good ones, archives whose fields are changed where they are, and bombs."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from campaign.absurd import LENGTHS
from campaign.spoil import spoiled

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DATE = (1980, 1, 1, 0, 0, 0)
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


class Field(NamedTuple):
    """A number in a record of an archive: the record's signature, where in it the number is, and its bytes."""

    name: str
    record: bytes
    offset: int
    size: int


FIELDS = (
    Field("version", LOCAL, 4, 2),
    Field("flags", LOCAL, 6, 2),
    Field("method", LOCAL, 8, 2),
    Field("crc", LOCAL, 14, 4),
    Field("packed size", LOCAL, 18, 4),
    Field("size", LOCAL, 22, 4),
    Field("length of name", LOCAL, 26, 2),
    Field("length of extra", LOCAL, 28, 2),
    Field("version needed", CENTRAL, 6, 2),
    Field("flags", CENTRAL, 8, 2),
    Field("method", CENTRAL, 10, 2),
    Field("crc", CENTRAL, 16, 4),
    Field("packed size", CENTRAL, 20, 4),
    Field("size", CENTRAL, 24, 4),
    Field("length of name", CENTRAL, 28, 2),
    Field("length of extra", CENTRAL, 30, 2),
    Field("length of comment", CENTRAL, 32, 2),
    Field("disk", CENTRAL, 34, 2),
    Field("attributes", CENTRAL, 38, 4),
    Field("offset", CENTRAL, 42, 4),
    Field("disk", END, 4, 2),
    Field("entries on disk", END, 8, 2),
    Field("entries", END, 10, 2),
    Field("size of directory", END, 12, 4),
    Field("offset of directory", END, 16, 4),
    Field("length of comment", END, 20, 2),
)
METHODS_IN_USE = (0, 1, 6, 8, 9, 12, 14, 93, 95, 99)
ODD_NAMES = (b"", b"/", b"../x", b"a\0b", b"\xff\xfe\xfd", b"\x1b[2J", b"a\nb", b"C:\\x", "\u202e".encode(), b"x" * 200)


def archive(random: Random, members: Mapping[str, bytes]) -> bytes:
    """A good archive of these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name, DATE), content, random.choice(METHODS))
    return made.getvalue()


def spoiled_archive(random: Random, data: bytes) -> tuple[bytes, str]:
    """An archive with one or two changes, and what they are."""
    changes = []
    for _ in range(random.choice((1, 1, 2))):
        data, what = random.choice((changed_field, changed_field, changed_name, one_place, spoiled))(random, data)
        changes.append(what)
    return data, "zip: " + ", ".join(changes)


def records(data: bytes, signature: bytes) -> list[int]:
    """Where the records of a kind begin."""
    found, start = [], data.find(signature)
    while start >= 0:
        found.append(start)
        start = data.find(signature, start + 1)
    return found


def changed_field(random: Random, data: bytes) -> tuple[bytes, str]:
    """One number changed; a change of a member's is made in both of its records every other time."""
    field = random.choice(FIELDS)
    twins = [twin for twin in FIELDS if twin.name == field.name] if random.random() < 0.5 else [field]
    options = [0, 1, random.choice(LENGTHS), random.getrandbits(8 * field.size)]
    value = random.choice(METHODS_IN_USE) if field.name == "method" else random.choice(options)
    for twin in twins:
        starts = records(data, twin.record)
        if starts:
            at = random.choice(starts) + twin.offset
            data = data[:at] + (value % 256**twin.size).to_bytes(twin.size, "little") + data[at + twin.size :]
    return data, f"{field.name} {value}"


def changed_name(random: Random, data: bytes) -> tuple[bytes, str]:
    """A member's name changed where it is, in as many bytes."""
    starts = records(data, CENTRAL)
    if not starts:
        return data, "no name"
    start = random.choice(starts)
    (length,) = struct.unpack_from("<H", data, start + 28)
    name, odd = data[start + 46 : start + 46 + length], random.choice(ODD_NAMES)
    keep = random.choice((0, min(4, len(name))))  # its ending, so that it is still read
    changed = (odd + b"_" * length)[: length - keep] + name[len(name) - keep :]
    return data.replace(name, changed), f"name {changed[:20]!r}"


def one_place(random: Random, data: bytes) -> tuple[bytes, str]:
    """All members in the place of one."""
    starts, locals_ = records(data, CENTRAL), records(data, LOCAL)
    if not starts or not locals_:
        return data, "no members"
    offset = random.choice(locals_)
    for start in starts:
        data = data[: start + 42] + struct.pack("<I", offset) + data[start + 46 :]
    return data, "all members in one place"


class Deflated(NamedTuple):
    """A deflated stream, the checksum of what it unpacks to, and its length in bytes."""

    packed: bytes
    crc: int
    size: int


def zeros_after(before: bytes, megabytes: int) -> Deflated:
    """`before` and so many MB of zeros, in about a thousandth of that: equal blocks follow each other."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, -15), bytes(2**20)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = zlib.crc32(before)
    for _ in range(megabytes):
        crc = zlib.crc32(block, crc)
    return Deflated(start + again * megabytes + packer.flush(), crc, len(before) + megabytes * 2**20)


def bomb(name: str, content: Deflated) -> bytes:
    """An archive of one member."""
    numbers = struct.pack("<IIIHH", content.crc, len(content.packed), content.size, len(name), 0)
    local = LOCAL + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + numbers + name.encode() + content.packed
    central = CENTRAL + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + numbers
    central += struct.pack("<HHHII", 0, 0, 0, 0, 0) + name.encode()
    return local + central + END + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def gzip_bomb(content: Deflated) -> bytes:
    """A gzip file."""
    end = struct.pack("<II", content.crc, content.size % 2**32)
    return b"\x1f\x8b\x08" + bytes(5) + b"\x02\xff" + content.packed + end
