"""Ways to spoil bytes and text that need no knowledge of their format."""

from collections.abc import Callable
from random import Random

from campaign.absurd import LENGTHS

MOST_WAYS = 3
"""Most ways by which one file is spoiled."""
BLOCK = 64
"""Most bytes that are removed, repeated or moved at once."""


def place(random: Random, data: bytes, size: int = 0) -> int:
    """Where a block of `size` bytes can begin; every other one is within the first 512 bytes, where headers are."""
    most = max(0, len(data) - size)
    return random.randint(0, min(most, 512) if random.random() < 0.5 else most)


def flip(random: Random, data: bytes) -> bytes:
    """Some bits the other way."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        if found:
            found[min(place(random, data), len(found) - 1)] ^= 1 << random.randrange(8)
    return bytes(found)


def overwrite(random: Random, data: bytes) -> bytes:
    """A block of zeros, ones or noise."""
    size = random.randint(1, 16)
    start = place(random, data, size)
    block = random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))
    return data[:start] + block + data[start + size :]


def number(random: Random, data: bytes) -> bytes:
    """A number of 1, 2, 4 or 8 bytes that is at the edge of its type."""
    size = random.choice((1, 2, 4, 8))
    start = place(random, data, size)
    value = random.choice(LENGTHS) % 256**size
    return data[:start] + value.to_bytes(size, random.choice(("little", "big"))) + data[start + size :]


def cut(random: Random, data: bytes) -> bytes:
    """Only the beginning."""
    return data[: place(random, data)]


def remove(random: Random, data: bytes) -> bytes:
    """A block less."""
    size = random.randint(1, BLOCK)
    start = place(random, data, size)
    return data[:start] + data[start + size :]


def repeat(random: Random, data: bytes) -> bytes:
    """A block twice."""
    size = random.randint(1, BLOCK)
    start = place(random, data, size)
    return data[: start + size] + data[start:]


def insert(random: Random, data: bytes) -> bytes:
    """Noise in between."""
    start = place(random, data)
    return data[:start] + random.randbytes(random.randint(1, BLOCK)) + data[start:]


def append(random: Random, data: bytes) -> bytes:
    """Something after the end."""
    return data + random.choice((b"\0", b"\n", random.randbytes(100), data))


WAYS: tuple[Callable[[Random, bytes], bytes], ...] = (
    flip, flip, flip, overwrite, number, number, cut, remove, repeat, insert, append,
)  # fmt: skip


def spoiled(random: Random, data: bytes) -> tuple[bytes, str]:
    """The data after one or more of the ways, and their names."""
    names = []
    for _ in range(random.choice((1, 1, 1, 2, MOST_WAYS))):
        way = random.choice(WAYS)
        data = way(random, data)
        names.append(way.__name__)
    return data, ", ".join(names)
