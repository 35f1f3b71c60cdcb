import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from variate.data.readers import image_costs
from variate.data.readers.image_files import BrokenImage, ReadableImage, read_image_header
from variate.data.readers.image_listing import ImageEntry

GREY = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)


def header_of(content, name="a.png"):
    return read_image_header(ImageEntry(name, lambda: io.BytesIO(content)))


def saved(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png_of(width, height, length):
    """A PNG that claims a size, of so many bytes."""
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", bytes(length))):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif", "bmp", "tiff", "ppm", "jpeg2000", "avif", "tga"])
def test_images_of_all_formats_are_affordable(kind):
    found = header_of(saved(Image.fromarray(GREY), kind), f"a.{kind}")
    assert isinstance(found, ReadableImage)
    assert found.header.memory >= GREY.size


@pytest.mark.parametrize(("length", "readable"), [(100, False), (2**20, True)])
def test_many_pixels_need_some_bytes(length, readable):
    found = header_of(png_of(9000, 9000, length))
    assert isinstance(found, ReadableImage if readable else BrokenImage)
    if not readable:
        assert "81,000,000 pixels" in found.reason


def test_few_pixels_need_none():
    assert isinstance(header_of(png_of(4000, 4000, 1)), ReadableImage)


@pytest.mark.parametrize(
    "content", [b"P5 9000 9000 254\n", b"P2 9000 9000 255\n", b"P1 9000 9000\n", b"P6 9000 9000 65535\n"]
)
def test_slow_codecs_get_fewer_pixels(content):
    assert "slow" in header_of(content + bytes(10**6)).reason
    small = content.replace(b"9000 9000", b"90 90")
    assert isinstance(header_of(small + bytes(90 * 90 * 6)), ReadableImage)


def test_a_large_jpeg_2000(monkeypatch):
    content = saved(Image.fromarray(GREY), "jpeg2000")
    monkeypatch.setattr(image_costs, "MOST_WAVELETS", len(content) + GREY.size // 4)
    assert isinstance(header_of(content), ReadableImage)
    monkeypatch.setattr(image_costs, "MOST_WAVELETS", len(content) + GREY.size // 4 - 1)
    assert "slow" in header_of(content).reason


def test_a_plain_ppm_of_comments():
    assert isinstance(header_of(b"P2 2 2 255\n# one\n1 2 3 4\n"), ReadableImage)
    assert "comments" in header_of(b"P2 2 2 255\n" + b"#\n" * 5000 + b"1 2 3 4\n").reason


def test_a_progressive_jpeg_of_many_scans(monkeypatch):
    content = saved(Image.fromarray(GREY), "jpeg", progressive=True)
    scans = content.count(image_costs.START_OF_SCAN)
    assert scans > 1
    monkeypatch.setattr(image_costs, "MOST_SCANNED", GREY.size * scans)
    assert isinstance(header_of(content), ReadableImage)
    monkeypatch.setattr(image_costs, "MOST_SCANNED", GREY.size * scans - 1)
    assert "scans" in header_of(content).reason
    assert isinstance(header_of(saved(Image.fromarray(GREY), "jpeg")), ReadableImage)


def test_a_file_larger_than_any_image(monkeypatch):
    content = saved(Image.fromarray(GREY), "png")
    monkeypatch.setattr(image_costs, "LARGEST_FILE", len(content) - 1)
    assert "MiB" in header_of(content).reason
