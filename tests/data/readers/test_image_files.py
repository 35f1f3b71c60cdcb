import io

import numpy as np
import pytest
from PIL import Image

from variate.data.readers import image_files
from variate.data.readers.image_files import (
    BrokenImage,
    PixelFacts,
    ReadableImage,
    decode_into,
    map_images,
    read_image_header,
)
from variate.data.readers.image_listing import ImageEntry
from variate.data.readers.quiet import quiet_decoders

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 6)).astype(np.uint8)
RGB = RNG.integers(0, 256, (4, 6, 3)).astype(np.uint8)


def entry(image, kind="png", **save):
    stream = io.BytesIO()
    image.save(stream, kind, **save)
    return ImageEntry(f"a.{kind}", lambda: io.BytesIO(stream.getvalue()))


def decoded(file, channels, mode, size=(4, 6)):
    row = np.empty((channels, *size), np.uint8)
    seen = decode_into(row, read_image_header(file), mode)
    return row, seen


def clear_left(alpha=0):
    """RGBA with colours everywhere, and its left column transparent."""
    array = np.dstack([RGB | 1, np.full((4, 6), 255, np.uint8)])
    array[:, 0, 3] = alpha
    return array


@pytest.mark.parametrize(
    ("image", "colors"),
    [
        (Image.fromarray(GREY), "L"),
        (Image.fromarray(GREY > 99), "L"),
        (Image.fromarray(RGB), "RGB"),
        (Image.fromarray(RGB).convert("P"), "RGB"),
        (Image.fromarray(clear_left()), "RGBA"),
        (Image.fromarray(GREY).convert("LA"), "RGBA"),
        (Image.fromarray(GREY.astype(np.uint16)), "L"),
    ],
)
def test_header(image, colors):
    file = read_image_header(entry(image))
    assert isinstance(file, ReadableImage)
    assert (file.header.size, file.header.colors) == ((4, 6), colors)
    assert file.header.deep == (image.mode == "I;16")


def test_transparent_color_of_a_palette_is_alpha():
    assert read_image_header(entry(Image.fromarray(RGB).convert("P"), transparency=0)).header.colors == "RGBA"


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp"])
def test_lossless_pixels_come_back(kind):
    row, seen = decoded(entry(Image.fromarray(RGB), kind, lossless=True), 3, "RGB")
    np.testing.assert_array_equal(row, RGB.transpose(2, 0, 1))
    assert seen == PixelFacts(color=True, alpha=False, hidden=False)


def test_cmyk_becomes_rgb():
    image = Image.fromarray(RGB).convert("CMYK")
    row, _ = decoded(entry(image, "tiff"), 3, "RGB")
    np.testing.assert_array_equal(row, np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def test_black_and_white_becomes_0_and_255():
    row, _ = decoded(entry(Image.fromarray(GREY > 99)), 1, "L")
    np.testing.assert_array_equal(row[0], np.where(GREY > 99, 255, 0))


def test_16_bit_grey_is_rounded():
    deep = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    row, _ = decoded(entry(Image.fromarray(deep)), 1, "L", (1, 6))
    np.testing.assert_array_equal(row[0], np.rint(deep / 257))


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation(turn):
    # The definition: where row 0 and column 0 of the stored picture are, when it is upright.
    upright = {1: GREY, 2: GREY[:, ::-1], 3: GREY[::-1, ::-1], 4: GREY[::-1]}
    upright |= {5: GREY.T, 6: GREY[::-1].T, 7: GREY[::-1, ::-1].T, 8: GREY[:, ::-1].T}
    exif = Image.Exif()
    exif[0x0112] = turn
    file = entry(Image.fromarray(GREY), exif=exif)
    size = (4, 6) if turn < 5 else (6, 4)
    assert read_image_header(file).header.size == size
    np.testing.assert_array_equal(decoded(file, 1, "L", size)[0][0], upright[turn])


@pytest.mark.parametrize("kind", ["tiff", "webp", "png"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_every_format_is_turned_once(kind, compression):
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"compression": compression} if kind == "tiff" else {"lossless": True}
    file = entry(Image.fromarray(RGB), kind, exif=exif, **options)
    assert read_image_header(file).header.size == (6, 4)
    row, _ = decoded(file, 3, "RGB", (6, 4))
    np.testing.assert_array_equal(row, np.rot90(RGB, -1).transpose(2, 0, 1))


def test_colors_under_full_transparency_are_set_to_0():
    row, seen = decoded(entry(Image.fromarray(clear_left())), 4, "RGBA")
    expected = clear_left().transpose(2, 0, 1)
    expected[:, :, 0] = 0
    np.testing.assert_array_equal(row, expected)
    assert seen == PixelFacts(color=True, alpha=True, hidden=True)


@pytest.mark.parametrize(
    ("array", "seen"),
    [
        (clear_left(255), PixelFacts(color=True, alpha=False, hidden=False)),
        (clear_left(254), PixelFacts(color=True, alpha=True, hidden=False)),
        (clear_left() * np.uint8([0, 0, 0, 1]), PixelFacts(color=False, alpha=True, hidden=False)),
        (np.dstack([GREY, GREY, GREY, GREY | 1]), PixelFacts(color=False, alpha=True, hidden=False)),
    ],
)
def test_what_is_seen(array, seen):
    assert decoded(entry(Image.fromarray(array)), 4, "RGBA")[1] == seen


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_transparency_is_laid_over_black(mode, channels):
    array = clear_left(128)
    row, _ = decoded(entry(Image.fromarray(array)), channels, mode)
    over = np.rint(array[..., :3] * (array[..., 3:] / 255))
    luma = over if mode == "RGB" else over @ [[0.299], [0.587], [0.114]]
    assert abs(row.transpose(1, 2, 0) - luma).max() <= 1  # Pillow rounds twice


def test_resized_constant_stays_constant():
    row, _ = decoded(entry(Image.new("RGB", (37, 53), (10, 20, 30))), 3, "RGB", (8, 16))
    np.testing.assert_array_equal(row, np.broadcast_to(np.array([10, 20, 30])[:, None, None], (3, 8, 16)))


def test_shrinking_averages():
    noise = RNG.integers(0, 256, (256, 256)).astype(np.uint8)
    row, _ = decoded(entry(Image.fromarray(noise)), 1, "L", (4, 4))
    assert abs(row.astype(float) - 127.5).max() < 10  # 64 x 64 pixels each: standard deviation about 1.2


def test_cut_short_file_is_broken_with_its_reason():
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64)).astype(np.uint8)).save(stream, "png")
    cut = ImageEntry("a.png", lambda: io.BytesIO(stream.getvalue()[:1000]))
    file = read_image_header(cut)
    assert isinstance(file, ReadableImage)
    assert decode_into(np.empty((1, 64, 64), np.uint8), file, "L") == BrokenImage("a.png", "truncated")


def test_what_is_no_image_is_broken():
    assert read_image_header(ImageEntry("a.png", lambda: io.BytesIO(b"hello"))) == BrokenImage("a.png", "not an image")


def test_only_the_formats_of_images_are_tried():
    assert read_image_header(entry(Image.fromarray(GREY), "ico")).reason == "not an image"
    assert read_image_header(entry(Image.fromarray(RGB), "eps")).reason == "not an image"


def test_only_a_file_that_is_called_tga_is_taken_for_one():
    content = entry(Image.fromarray(GREY), "tga")
    assert isinstance(read_image_header(content), ReadableImage)
    assert read_image_header(content._replace(name="a.png")).reason == "not an image"


def test_an_image_whose_size_is_not_that_of_its_header_is_broken():
    file = read_image_header(entry(Image.fromarray(GREY)))
    file = file._replace(header=file.header._replace(size=(4, 5)))
    assert "size" in decode_into(np.empty((1, 4, 5), np.uint8), file, "L").reason


def test_32_bit_pixels_are_broken():
    file = read_image_header(entry(Image.fromarray(GREY.astype(np.float32)), "tiff"))
    assert file == BrokenImage("a.tiff", "32-bit pixels; save 8 bits per channel")


@pytest.mark.parametrize("factor", [1.5, 3])  # Pillow warns above its limit and raises above twice that
def test_decompression_bomb_is_broken(monkeypatch, factor):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(GREY.size / factor))
    with quiet_decoders():
        file = read_image_header(entry(Image.fromarray(GREY)))
    assert file == BrokenImage("a.png", "more pixels than Pillow's limit")


@pytest.mark.parametrize("threads", [1, 4])
def test_map_images_keeps_the_order(threads):
    assert map_images(lambda number: number**2, range(100), threads) == [number**2 for number in range(100)]


@pytest.mark.parametrize("function", ["_header_of", "_upright"])
def test_a_lack_of_memory_is_no_fault_of_the_file(monkeypatch, function):
    def short(*_):
        raise MemoryError

    file = entry(Image.fromarray(GREY))
    readable = read_image_header(file)
    monkeypatch.setattr(image_files, function, short)
    with pytest.raises(MemoryError):
        read_image_header(file) if function == "_header_of" else decode_into(np.empty((1, 4, 6)), readable, "L")
