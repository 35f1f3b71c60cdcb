"""Folders and zips of images in all formats that Pillow writes here, with one or two files spoiled.

Sizes in headers are found by looking for the images' own, which are odd enough (11 x 13) to stand for nothing else.
"""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import IO, Any

import numpy as np
from PIL import Image, features

from campaign import reading, zips
from campaign.absurd import LENGTHS
from campaign.base import Campaign, Case, End, Fault
from campaign.spoil import spoiled
from variate.config.recipe import DataOptions

HEIGHT, WIDTH = 11, 13
SIZES = (0, 1, 2, 12, 255, 4_096, 9_000, 16_383, 30_000, 65_500, 65_535, 2**24, 2**31 - 1, 2**32 - 1)
FILES = 6
"""Images per case; enough to be split."""
FORMATS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "png": ("PNG", ("L", "RGB", "RGBA", "LA", "1", "P", "I;16"), {}),
    "jpg": ("JPEG", ("L", "RGB", "CMYK"), {}),
    "progressive.jpg": ("JPEG", ("RGB",), {"progressive": True}),
    "webp": ("WEBP", ("RGB", "RGBA"), {"lossless": True}),
    "lossy.webp": ("WEBP", ("RGB",), {}),
    "bmp": ("BMP", ("L", "RGB", "1", "P", "RGBA"), {}),
    "gif": ("GIF", ("L", "P", "RGB"), {}),
    "tif": ("TIFF", ("L", "RGB", "RGBA", "1", "P", "I;16", "CMYK", "F"), {}),
    "lzw.tif": ("TIFF", ("L", "RGB"), {"compression": "tiff_lzw"}),
    "deflate.tiff": ("TIFF", ("RGB",), {"compression": "tiff_adobe_deflate"}),
    "jpeg.tif": ("TIFF", ("RGB",), {"compression": "jpeg"}),
    "group4.tif": ("TIFF", ("1",), {"compression": "group4"}),
    "packbits.tif": ("TIFF", ("L",), {"compression": "packbits"}),
    "ppm": ("PPM", ("RGB",), {}),
    "pgm": ("PPM", ("L", "I;16"), {}),
    "pbm": ("PPM", ("1",), {}),
    "tga": ("TGA", ("L", "RGB", "RGBA"), {"compression": "tga_rle"}),
    "avif": ("AVIF", ("RGB", "RGBA"), {"speed": 10}),
    "jp2": ("JPEG2000", ("L", "RGB", "RGBA"), {}),
}
NEEDED = {"AVIF": "avif", "WEBP": "webp", "JPEG2000": "jpg_2000"}
"""Formats that Pillow may have been built without."""
ANIMATED = {"png": "PNG", "gif": "GIF", "webp": "WEBP", "tif": "TIFF"}
BOMB_SIDE = 9_000
"""Sides of a flat image, just below the number of pixels that Pillow warns of."""
BOMBS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bits.png": ("PNG", "1", {"compress_level": 1}),
    "grey.png": ("PNG", "L", {"compress_level": 1}),
    "bits.tif": ("TIFF", "1", {"compression": "group4"}),
    "grey.tif": ("TIFF", "L", {"compression": "tiff_adobe_deflate"}),
    "grey.gif": ("GIF", "L", {}),
    "grey.tga": ("TGA", "L", {"compression": "tga_rle"}),
    "colour.webp": ("WEBP", "RGB", {"lossless": True, "quality": 0, "method": 0}),
    "grey.jpg": ("JPEG", "L", {}),
}
BOMB_SHARE = 0.004
"""Share of the cases with a bomb, each of which may take seconds."""
NAMES = (
    b"\xff\xfe.png", b"a\nb.png", b"\x1b[31m.png", "\u202egnp.png".encode(), b"-rf.png", b"%s.png", b"'\".png",
    b" .png",
    "\u65e5\u672c.png".encode(), b"x" * 251 + b".png", b".png", b"CON.png", b"a.png.png",
)  # fmt: skip


def picture(random: Random, mode: str) -> Image.Image:
    """A small image of a mode; grey levels of 16 and 32 bits among them."""
    rng = np.random.default_rng(random.getrandbits(32))
    if mode in ("I;16", "I", "F"):
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray(rng.integers(0, 60_000, (HEIGHT, WIDTH)).astype(dtype))
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert("RGBA" if mode == "LA" else "RGB" if mode == "CMYK" else mode).convert(mode)


def encoded(image: Image.Image, form: str, options: dict[str, Any]) -> bytes:
    """The image as a file."""
    made = io.BytesIO()
    image.save(made, form, **options)
    return made.getvalue()


def good_images() -> dict[str, bytes]:
    """A file of each format and mode, and animations, by name; a name's part after the last space is its ending."""
    found, random = {}, Random(0)
    for ending, (form, modes, options) in FORMATS.items():
        if form not in NEEDED or features.check(NEEDED[form]):
            for mode in modes:
                found[f"{mode} {ending}"] = encoded(picture(random, mode), form, options)
    for ending, form in ANIMATED.items():
        frames = [picture(random, "RGB") for _ in range(3)]
        found[f"animated {ending}"] = encoded(frames[0], form, {"save_all": True, "append_images": frames[1:]})
    for orientation in (0, 3, 6, 8, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        found[f"turned-{orientation} jpg"] = encoded(picture(random, "RGB"), "JPEG", {"exif": exif})
        found[f"turned-{orientation} png"] = encoded(picture(random, "RGB"), "PNG", {"exif": exif})
    return found


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG: type and content."""
    found, start = [], 8
    while start + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, start)
        found.append((data[start + 4 : start + 8], data[start + 8 : start + 8 + length]))
        start += 12 + length
    return found


def chunk(kind: bytes, content: bytes, length: int | None = None) -> bytes:
    """A chunk with the right checksum; `length` is what it says of its length."""
    said = len(content) if length is None else length
    return struct.pack(">I", said % 2**32) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def changed_png(random: Random, data: bytes) -> tuple[bytes, str]:
    """A PNG with a chunk changed and the checksums made right again."""
    found = chunks(data)
    which = random.randrange(len(found))
    kind, content = found[which]
    way, length = random.randrange(8), None
    if way == 0:
        which, (kind, content) = 0, found[0]
        at, size = random.choice(((0, 4), (4, 4), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1)))
        value = random.choice(SIZES) if size == 4 else random.choice((0, 1, 2, 3, 4, 6, 7, 8, 16, 255))
        content = content[:at] + value.to_bytes(size, "big") + content[at + size :]
    elif way == 1:
        content, _ = spoiled(random, content)
    elif way == 2:
        length = random.choice(LENGTHS)
    elif way == 3:
        found.insert(random.randrange(len(found) + 1), (kind, content))
    elif way == 4:
        found.insert(which, (random.choice((b"zTXt", b"iCCP", b"iTXt")), b"a\0\0" + zlib.compress(bytes(2**23))))
    elif way == 5:
        extra = random.choice(
            (b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"IEND", b"IHDR", b"gAMA", b"\0\0\0\0")
        )
        found.insert(which, (extra, random.randbytes(random.choice((0, 1, 3, 8, 26, 768)))))
    elif way == 6:
        kind, content = b"IDAT", zlib.compress(bytes(random.choice((0, 1, 100, 10**6))))
    else:
        random.shuffle(found)
    if way not in (3, 4, 5, 7):
        found[which] = (kind, content)
    whole = b"".join(chunk(k, c, length if i == which else None) for i, (k, c) in enumerate(found))
    return data[:8] + whole, f"png {kind!r} way {way}"


def changed_jpeg(random: Random, data: bytes) -> tuple[bytes, str]:
    """A JPEG with a segment changed, left out or doubled."""
    starts = [at for at in range(2, len(data) - 4) if data[at] == 0xFF and data[at + 1] not in (0, 0xFF)]
    if not starts:
        return spoiled(random, data)
    at = random.choice(starts)
    marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
    end, way = min(len(data), at + 2 + length), random.randrange(4)
    if way == 0:
        return data[:at] + data[end:], f"jpeg without segment {marker:#x}"
    if way == 1:
        return data[:end] + data[at:end] + data[end:], f"jpeg with segment {marker:#x} twice"
    if way == 2:
        return data[: at + 2] + struct.pack(">H", random.choice(LENGTHS) % 2**16) + data[at + 4 :], "jpeg length"
    content, how = spoiled(random, data[at + 4 : end])
    return data[: at + 4] + content + data[end:], f"jpeg segment {marker:#x}: {how}"


def changed_size(random: Random, data: bytes) -> tuple[bytes, str]:
    """A file whose header gives another height or width."""
    side, value = random.choice((HEIGHT, WIDTH)), random.choice(SIZES)
    forms = [(side - less).to_bytes(size, order) for size in (2, 4) for order in ("little", "big") for less in (0, 1)]
    places = [(form, at) for form in forms if 0 <= (at := data.find(form)) < 512]
    text = str(side).encode()
    if data[:1] == b"P" and text in data[:20]:
        return data.replace(text, str(value).encode(), 1), f"{side} is {value}"
    if not places:
        return spoiled(random, data)
    form, at = random.choice(places)
    changed = (value % 256 ** len(form)).to_bytes(len(form), "little" if form[0] else "big")
    return data[:at] + changed + data[at + len(form) :], f"{side} is {value}"


def spoiled_image(random: Random, name: str, data: bytes) -> tuple[bytes, str]:
    """An image file that is spoiled in one way."""
    ways: list[Callable[[Random, bytes], tuple[bytes, str]]] = [spoiled, spoiled, changed_size]
    if name.endswith("png"):
        ways.append(changed_png)
    if name.endswith("jpg"):
        ways.append(changed_jpeg)
    data, what = random.choice(ways)(random, data)
    return data, f"{name} ({what})"


class Images(Campaign):
    """Folders and zips of images."""

    name, long, short = "images", 10_000, 200

    def prepare(self, folder: Path) -> None:
        """Reads a folder and a zip with every good image."""
        self.good = good_images()
        self.bombs = {
            name: self.flat(*how) for name, how in BOMBS.items() if how[0] != "WEBP" or features.check("webp")
        }
        self.zip_bomb = zips.bomb("bomb.png", zips.zeros_after(self.good["L png"], 600))
        inside = folder / "images"
        inside.mkdir()
        for number, (name, content) in enumerate(self.good.items()):
            (inside / f"{number}.{name.split()[-1]}").write_bytes(content)
        (folder / "images.zip").write_bytes(zips.archive(Random(0), {f.name: f.read_bytes() for f in inside.iterdir()}))
        for path in (inside, folder / "images.zip"):
            reading.read_good(path, size=(HEIGHT, WIDTH))

    def flat(self, form: str, mode: str, options: dict[str, Any]) -> bytes:
        """A large image of one colour."""
        sides = (BOMB_SIDE, BOMB_SIDE) if form != "JPEG" else (BOMB_SIDE // 2, BOMB_SIDE)
        return encoded(Image.new(mode, sides, 1 if mode == "1" else "grey"), form, options)

    def make(self, random: Random, folder: Path) -> Case:
        """A folder or a zip of good images, and one or two that are not."""
        names = (
            [random.choice(list(self.good))] * FILES
            if random.random() < 0.5
            else random.choices(list(self.good), k=FILES)
        )
        files = {f"{number}.{name.split()[-1]}": self.good[name] for number, name in enumerate(names)}
        changes = []
        for number in range(random.choice((0, 1, 1, 1, 2))):
            name = random.choice(list(self.good))
            content, what = spoiled_image(random, name.split()[-1], self.good[name])
            files[f"bad-{number}.{name.split()[-1]}"] = content
            changes.append(f"{name}: {what}")
        if random.random() < BOMB_SHARE:
            bomb = random.choice(list(self.bombs))
            files = {bomb: self.bombs[bomb], **(files if random.random() < 0.5 else {})}
            changes.append(f"bomb {bomb}")
        path, how = random.choice((self.in_folder, self.in_zip))(random, files, folder)
        options = self.options(random)
        what = "; ".join([how, *changes])
        expected = len(files) if how in ("folder", "zip") else None
        return Case(what, path, (path.name, *files), reading.again(path, options), (options, expected))

    def options(self, random: Random) -> dict[str, Any]:
        """How the images are read; every other time as one size."""
        found: dict[str, Any] = {"size": (HEIGHT, WIDTH)} if random.random() < 0.5 else {}
        if random.random() < 0.2:
            found["mode"] = random.choice(("L", "RGB", "RGBA"))
        if random.random() < 0.1:
            found["binarize"] = random.choice(("fixed", "dynamic"))
        return found

    def in_folder(self, random: Random, files: dict[str, bytes], folder: Path) -> tuple[Path, str]:
        """The files in a folder, in one of ten cases with something odd beside them."""
        inside = folder / "images"
        inside.mkdir()
        for name, content in files.items():
            (inside / name).write_bytes(content)
        if random.random() > 0.1:
            return inside, "folder"
        good = next(iter(files.values()))
        way = random.choice(("name", "pipe", "link to itself", "link to nothing", "folder", "link to folder"))
        if way == "name":
            (inside / os.fsdecode(random.choice(NAMES))).write_bytes(good)
        elif way == "pipe":
            os.mkfifo(inside / "pipe.png")
        elif way == "link to itself":
            (inside / "loop.png").symlink_to("loop.png")
        elif way == "link to nothing":
            (inside / "nothing.png").symlink_to("/nowhere/a.png")
        elif way == "folder":
            (inside / "folder.png").mkdir()
        else:
            (inside / "below").symlink_to(".")
        return inside, f"folder with {way}"

    def in_zip(self, random: Random, files: dict[str, bytes], folder: Path) -> tuple[Path, str]:
        """The files in a zip, whose fields are changed every other time."""
        path, how = folder / "images.zip", "zip"
        content = zips.archive(random, files)
        if random.random() < 0.5:
            content, how = zips.spoiled_archive(random, content)
        elif random.random() < BOMB_SHARE:
            content, how = self.zip_bomb, "zip bomb"
        path.write_bytes(content)
        return path, how

    def attempt(self, case: Case) -> End:
        """Reads all images; those that are missing must be mentioned."""
        options, expected = case.own
        found = reading.read(case.target or "", DataOptions(**options), case.names)
        if found is None:
            return "sentence"
        missing = 0 if expected is None else expected - len(found.rows)
        if missing and not any(name in note for note in found.notes for name in case.names[1:]):
            raise Fault(f"{missing} of {expected} images are missing, and no note says so: {found.notes}")
        return "result"

    def decoded(self, case: Case) -> int:
        """Bytes of all pixels, according to the headers."""
        assert case.target
        if case.target.is_dir():
            return super().decoded(case) + sum(pixels(file) for file in case.target.iterdir() if file.is_file())
        try:
            with zipfile.ZipFile(case.target) as archive:
                return super().decoded(case) + sum(pixels(archive.open(info)) for info in archive.infolist())
        except Exception:
            return super().decoded(case)  # no archive, so nothing is decoded


def pixels(file: Path | IO[bytes]) -> int:
    """Bytes of an image's pixels, according to its header; 0 if it is none."""
    try:
        with Image.open(file) as image:
            return image.width * image.height * len(image.getbands())
    except Exception:
        return 0
