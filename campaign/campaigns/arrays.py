"""Array files: .npy with headers that lie, .npz with members that do, idx plain and gzipped; .npy streamed too."""

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from campaign import reading, zips
from campaign.absurd import HUGE, INTEGERS
from campaign.base import Campaign, Case, End
from campaign.spoil import spoiled

TYPES = (
    "|b1", "|u1", "|i1", "<u2", ">i2", "<i4", ">u4", "<i8", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8", "<f16", "<c8",
    "|O", "<U4", "|S3", "|S0", "<M8[s]", "<m8[ns]", "|V8", "|V0", "<f0", "<f3", "<f1000000000", "<i9", "", " ", "f",
    "bogus", "f4,f4", "(2,)f4", "(1000000,)f8", "\u0661f4", "O" * 10_000,
)  # fmt: skip
RECORDS = (
    "[('a', '<f4')]",
    "[('a', '<f4'), ('a', '<f4')]",
    "[]",
    "[('', '')]",
    "[('a', '<f4', (-1,))]",
    "{'names': []}",
)
LITERALS = (
    "-1", "0", "1.5", "1e3", "True", "None", "'3'", "(3,)", "[3]", "1_0", "0x10", "99999999999999999999", "2**70", "1j",
    "9" * 5_000, "(" * 2_000, "-" * 5_000 + "1", "lambda: 0", "__import__('os')", "{1: 2}", "...", "'\\ud800'",
    "\u0663",
)  # fmt: skip
HEADER_LENGTHS = (0, 1, 10, 63, 64, 117, 118, 119, 1_000, 9_999, 10_001, 65_535, 2**31 - 1, 2**32 - 1)
MAGIC = b"\x93NUMPY"
IDX_TYPES = (0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E, 0x07, 0x0A, 0xFF)
BOMB_MB = 320


def good_arrays() -> dict[str, np.ndarray]:
    """Arrays of every kind that is read."""
    rng = np.random.default_rng(0)
    return {
        "bits": rng.integers(0, 2, (24, 6), dtype=np.uint8),
        "pixels": rng.integers(0, 256, (24, 5, 6), dtype=np.uint8),
        "colours": rng.integers(0, 256, (24, 5, 6, 3), dtype=np.uint8),
        "scaled": rng.integers(0, 256, (24, 1, 5, 6)).astype(np.float32) / 255,
        "reals": rng.normal(size=(24, 7)),
        "half": rng.normal(size=(24, 7)).astype(np.float16),
        "big-endian": rng.normal(size=(24, 7)).astype(">f4"),
        "fortran": np.asfortranarray(rng.normal(size=(24, 7))),
        "counts": rng.poisson(4, (24, 7)),
        "whole": rng.integers(0, 9, (24, 7)).astype(np.float64),
        "unsigned": rng.integers(0, 2**63, (24, 3), dtype=np.uint64),
        "booleans": rng.integers(0, 2, (24, 6)).astype(bool),
        "numbers": rng.normal(size=24),
    }


def npy_bytes(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """An .npy file."""
    made = io.BytesIO()
    np.lib.format.write_array(made, array, version, allow_pickle=False)
    return made.getvalue()


def npy_file(header: str, content: bytes, version: int = 1, length: int | None = None) -> bytes:
    """An .npy file with any header; `length` is what it says of the header's length."""
    text = header.encode("latin1" if version < 3 else "utf-8", "replace")
    width, most = ("<H", 2**16 - 1) if version == 1 else ("<I", 2**32 - 1)
    said = len(text) if length is None else length
    return MAGIC + bytes([version % 256, 0]) + struct.pack(width, min(said, most)) + text + content


def odd_literal(random: Random) -> str:
    """A piece of Python that a header may hold by mistake or malice."""
    return random.choice((*LITERALS, str(random.choice(INTEGERS)), str(random.choice(HUGE))))


def odd_shape(random: Random, shape: tuple[int, ...]) -> str:
    """A shape that is not the array's, or is odd."""
    sides = [str(side) for side in shape]
    way = random.randrange(7)
    if way == 0:
        sides[random.randrange(len(sides))] = odd_literal(random)
    elif way == 1:
        sides.insert(random.randrange(len(sides) + 1), odd_literal(random))
    elif way == 2:
        sides.pop()
    elif way == 3:
        sides = ["1"] * random.choice((5, 31, 32, 33, 65, 1_000)) + sides
    elif way == 4:
        sides.reverse()
    elif way == 5:
        return random.choice(
            ("()", "(,)", "0", "7", "None", "'abc'", "(0,)", "(0, 7)", "(24, 0)", "[24, 7]", "{24, 7}")
        )
    else:
        sides = [str(random.choice((2**20, 2**31, 2**32, 2**62, 2**63, 0, -1))) for _ in sides]
    return f"({', '.join(sides)},)"


def lying_header(random: Random, array: np.ndarray) -> tuple[bytes, str]:
    """An .npy file whose header says what is not so."""
    shape, descr = str(array.shape), repr(array.dtype.str)
    order = str(array.flags.f_contiguous and not array.flags.c_contiguous)
    content, version, length, way = array.tobytes("A"), random.choice((1, 1, 1, 2, 3)), None, random.randrange(8)
    if way in (0, 1):
        shape = odd_shape(random, array.shape)
    elif way in (2, 3):
        descr = random.choice(RECORDS) if random.random() < 0.2 else repr(random.choice(TYPES))
    elif way == 4:
        order = random.choice(("True", "False", "None", "1", "'x'", odd_literal(random)))
    elif way == 5:
        length = random.choice(HEADER_LENGTHS)
    elif way == 6:
        version = random.choice((0, 2, 3, 4, 9, 255))
    entries = [f"'descr': {descr}", f"'fortran_order': {order}", f"'shape': {shape}"]
    if way == 7:
        entries = random.choice(
            (
                entries[:2],
                [*entries, "'more': 1"],
                [*entries, entries[2]],
                [],
                ["'a'"],
                [f"'{'k' * 70_000}': 1", *entries],
            )
        )
    text = "{" + ", ".join(entries) + "}" + " " * random.choice((0, 1, 40)) + random.choice(("\n", "\n", "", "#", "\0"))
    return npy_file(text, content, version, length), f"header {text[:160]} version {version}, length {length}"


def odd_values(random: Random, array: np.ndarray) -> tuple[bytes, str]:
    """An array of another type, or with numbers at the edge of its type."""
    kind = random.choice(("f2", "f4", "f8", "f16", "u8", "i8", "i4", "u2", "b1", "c16", "O", "U3", "M8[s]"))
    if kind == "O":
        return npy_file(
            f"{{'descr': '|O', 'fortran_order': False, 'shape': {array.shape}}}\n", b"\x80\x04N."
        ), "objects"
    with np.errstate(all="ignore"):
        values = array.astype(kind)
        if values.dtype.kind == "f":
            edge = random.choice((np.nan, np.inf, -np.inf, 1e38, 1e200, 1e-310, -0.0, 65504.0))
            values.flat[random.randrange(values.size)] = edge
        elif values.dtype.kind in "ui":
            limits = np.iinfo(values.dtype)
            values.flat[random.randrange(values.size)] = random.choice((limits.min, limits.max, limits.max // 2))
    return npy_bytes(values), f"type {kind}"


def spoiled_npy(random: Random, array: np.ndarray) -> tuple[bytes, str]:
    """An .npy file that is spoiled in one way."""
    way: Callable[[Random, np.ndarray], tuple[bytes, str]] = random.choice((lying_header, lying_header, odd_values))
    return way(random, array) if random.random() < 0.7 else spoiled(random, npy_bytes(array))


def idx_bytes(random: Random, array: np.ndarray) -> tuple[bytes, str]:
    """An idx file, in one of three cases with a header that is changed."""
    values = array.astype(np.uint8)
    kind, shape, what = 8, list(values.shape), "idx"
    if random.random() < 0.3:
        kind, what = random.choice(IDX_TYPES), f"{what} type {kind}"
    if random.random() < 0.4:
        shape[random.randrange(len(shape))] = random.choice((0, 1, 2**16, 2**31, 2**32 - 1))
        what += f" shape {shape}"
    axes = random.choice((0, 1, 4, 5, 255)) if random.random() < 0.1 else len(shape)
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, axes, *shape) + values.tobytes(), f"{what}, {axes} axes"


class Arrays(Campaign):
    """.npy, .npz and idx files."""

    name, long, short = "arrays", 20_000, 400

    def prepare(self, folder: Path) -> None:
        """Reads a good file of each format."""
        self.arrays = good_arrays()
        images = self.arrays["pixels"]
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({BOMB_MB * 2**20 // 30}, 5, 6)}}"
        zeros = zips.zeros_after(npy_file(header + "\n", b""), BOMB_MB)
        self.bombs = {
            "bomb.npz": zips.bomb("x.npy", zeros),
            "bomb-idx3-ubyte.gz": zips.gzip_bomb(zips.zeros_after(struct.pack(">4B3I", 0, 0, 8, 3, 24, 5, 6), BOMB_MB)),
        }
        idx = struct.pack(">BBBB3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
        good = {"a.npy": npy_bytes(images), "a-idx3-ubyte": idx, "a-idx3-ubyte.gz": gzip.compress(idx, mtime=0)}
        good["a.npz"] = zips.archive(Random(0), {"x.npy": npy_bytes(images)})
        for name, content in good.items():
            (folder / name).write_bytes(content)
            reading.read_good(folder / name)

    def make(self, random: Random, folder: Path) -> Case:
        """A file, or a folder of them, of which one is spoiled."""
        key = random.choice(list(self.arrays))
        kinds: tuple[Callable[[Random, np.ndarray, Path], tuple[Path, str, str]], ...] = (self.npy, self.npz, self.idx)
        path, suffix, what = random.choices((*kinds, self.shards, self.bomb), (10, 6, 4, 2, 0.02))[0](
            random, self.arrays[key], folder
        )
        options = random.choices(
            ({}, {"kind": random.choice(("binary", "pixels", "real", "counts", "table"))}), (4, 1)
        )[0]
        names = (path.name, *(file.name for file in folder.rglob("*")))
        return Case(f"{key}: {what}", path, names, reading.again(f"{path}{suffix}", options), (options, suffix))

    def attempt(self, case: Case) -> End:
        """Reads it into memory, and streamed."""
        options, suffix = case.own
        return reading.read_both_ways(Path(f"{case.target}{suffix}"), options, case.names)

    def npy(self, random: Random, array: np.ndarray, folder: Path) -> tuple[Path, str, str]:
        """An .npy file."""
        content, what = spoiled_npy(random, array)
        path = folder / random.choice(("a.npy", "a.npy", "a.npy", "a.NPY", "a.npz", "a.dat"))
        path.write_bytes(content)
        return path, "", f"npy as {path.name}: {what}"

    def npz(self, random: Random, array: np.ndarray, folder: Path) -> tuple[Path, str, str]:
        """An .npz archive: a spoiled member, or spoiled fields."""
        content, what = spoiled_npy(random, array) if random.random() < 0.4 else (npy_bytes(array), "good member")
        members = {random.choice(("x", "data", "train", "other", "x/y", "\u00e9")) + ".npy": content}
        if random.random() < 0.3:
            members["test.npy"] = npy_bytes(array[:5])
        if random.random() < 0.1:
            members["notes.txt"] = b"text"
        archive = zips.archive(random, members)
        if random.random() < 0.7:
            archive, how = zips.spoiled_archive(random, archive)
            what = f"{what}, {how}"
        path = folder / "a.npz"
        path.write_bytes(archive)
        return path, random.choice(("", "", "", ":x", ":test", ":nothing", ":")), f"npz of {', '.join(members)}: {what}"

    def idx(self, random: Random, array: np.ndarray, folder: Path) -> tuple[Path, str, str]:
        """An idx file, plain or gzipped, alone or as the training images of a folder."""
        content, what = idx_bytes(random, array)
        if random.random() < 0.4:
            content, how = spoiled(random, content)
            what = f"{what}, {how}"
        if random.random() < 0.5:
            content = gzip.compress(content, mtime=0)
            if random.random() < 0.5:
                content, how = spoiled(random, content)
                what = f"{what}, gzip: {how}"
        name = random.choice(("a-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte", "a.idx"))
        (folder / name).write_bytes(content)
        whole = name.startswith("train-images") and random.random() < 0.5
        if whole:
            good, _ = idx_bytes(random, array)
            (folder / "t10k-images-idx3-ubyte").write_bytes(good)
        return (folder if whole else folder / name), "", f"{what} as {name}{' in a folder' if whole else ''}"

    def shards(self, random: Random, array: np.ndarray, folder: Path) -> tuple[Path, str, str]:
        """A folder of .npy files, one of which is spoiled or of another array."""
        inside = folder / "shards"
        inside.mkdir()
        for number in range(3):
            (inside / f"x-{number}.npy").write_bytes(npy_bytes(array[8 * number : 8 * number + 8]))
        other = random.choice(list(self.arrays.values()))
        content, what = spoiled_npy(random, array) if random.random() < 0.7 else (npy_bytes(other), "another array")
        name = random.choice(("x-0.npy", "x-1.npy", "x-3.npy", "notes.txt", "x-1.parquet"))
        (inside / name).write_bytes(content)
        return inside, "", f"folder with {name}: {what}"

    def bomb(self, random: Random, array: np.ndarray, folder: Path) -> tuple[Path, str, str]:
        """A small file that unpacks to hundreds of MB."""
        name = random.choice(list(self.bombs))
        (folder / name).write_bytes(self.bombs[name])
        return folder / name, "", f"bomb of {BOMB_MB} MB"

    def decoded(self, case: Case) -> int:
        """Bytes of the files; of the archive whose array is as large as it unpacks to, those of the array."""
        honest = case.target is not None and case.target.name == "bomb.npz"
        return BOMB_MB * 2**20 if honest else super().decoded(case)
