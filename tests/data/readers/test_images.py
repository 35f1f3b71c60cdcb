import os
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers import image_files as pictures
from variate.data.readers import images
from variate.data.readers.images import read_image_folder, read_image_zip, size_counts
from variate.errors import Option
from variate.runtime import memory

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 8, 6)).astype(np.uint8)
RGB = RNG.integers(0, 256, (5, 8, 6, 3)).astype(np.uint8)
OPAQUE = np.full((5, 8, 6, 1), 255, np.uint8)
CLEAR = np.full((5, 8, 6, 1), 100, np.uint8)
AS_RGB = np.repeat(GREY[..., None], 3, axis=-1)


OPTIONS = DataOptions()


def save(folder, arrays, start=0):
    for index, array in enumerate(arrays, start):
        Image.fromarray(array).save(folder / f"{index:02}.png")


def read(folder, options=OPTIONS, schema=None):
    return read_image_folder(folder, options, schema)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (GREY, GREY[..., None]),
        (AS_RGB, GREY[..., None]),
        (RGB, RGB),
        (np.concatenate([RGB, OPAQUE], -1), RGB),
        (np.concatenate([AS_RGB, OPAQUE], -1), GREY[..., None]),
        (np.concatenate([RGB, CLEAR], -1), np.concatenate([RGB, CLEAR], -1)),
        (np.concatenate([AS_RGB, CLEAR], -1), np.concatenate([AS_RGB, CLEAR], -1)),
        ([*GREY, *RGB], np.concatenate([AS_RGB, RGB])),
        (
            [*GREY, *RGB, *np.concatenate([RGB, CLEAR], -1)],
            np.concatenate([np.concatenate(pair, -1) for pair in ((AS_RGB, OPAQUE), (RGB, OPAQUE), (RGB, CLEAR))]),
        ),
    ],
)
def test_mode_is_the_narrowest_that_loses_nothing(tmp_path, arrays, expected):
    save(tmp_path, arrays)
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.x.all(), np.moveaxis(expected, -1, 1))
    assert rows.x.dtype == np.uint8
    assert rows.x.all().flags.c_contiguous
    assert rows.schema == Schema("pixels", rows.x.shape, levels=256)
    assert rows.notes == ()


def test_threads_decode_the_same(tmp_path, monkeypatch):
    save(tmp_path, RGB)
    alone = read(tmp_path).x.all()
    monkeypatch.setattr("variate.data.readers.images.LARGE_IMAGE", 1)
    np.testing.assert_array_equal(read(tmp_path).x.all(), alone)
    assert pictures.LARGE_IMAGE > 8 * 6  # so that the two really went two ways


def test_zip_is_read_as_its_folder(tmp_path):
    save(tmp_path, RGB)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for file in tmp_path.glob("*.png"):
            archive.write(file, f"folder/{file.name}")
    rows = read_image_zip(tmp_path / "x.zip", OPTIONS, None)
    assert rows.name == "x.zip"
    np.testing.assert_array_equal(rows.x.all(), read(tmp_path).x.all())


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_mode_asked_for(tmp_path, mode, channels):
    save(tmp_path, np.concatenate([RGB, CLEAR], -1))
    rows = read(tmp_path, DataOptions(mode=mode))
    assert rows.x.all().shape == (5, channels, 8, 6)
    assert [note.endswith("5 images.") for note in rows.notes] == ([True] if mode != "RGBA" else [])


def test_sizes_that_differ_are_counted(tmp_path):
    save(tmp_path, GREY)
    save(tmp_path, GREY[:2, :7], start=5)
    error = refused(read, tmp_path)
    assert (error.argument, error.expected) == (tmp_path.name, "images of one size")
    assert "2 sizes (height x width): 8x6 (5), 7x6 (2)" in error.got
    assert Option("size", (8, 6)) in error.remedy.parts


def test_size_counts_lists_the_five_most_frequent():
    sizes = Counter({(side, side): 10 - side for side in range(1, 8)})
    assert size_counts(sizes) == "1x1 (9), 2x2 (8), 3x3 (7), 4x4 (6), 5x5 (5) and 2 more"


def test_size_resizes_and_says_so(tmp_path):
    save(tmp_path, GREY)
    save(tmp_path, GREY[:2, :4, :3], start=5)
    save(tmp_path, GREY[:1, :4], start=7)
    rows = read(tmp_path, DataOptions(size=(8, 6)))
    assert rows.x.all().shape == (8, 1, 8, 6)
    np.testing.assert_array_equal(rows.x.all()[:5, 0], GREY)
    (note,) = rows.notes
    assert all(words in note for words in ("8x6", "1 changed their proportions", "3 images"))


def test_broken_files_are_left_out_and_named(tmp_path):
    save(tmp_path, GREY)
    whole = (tmp_path / "02.png").read_bytes()
    (tmp_path / "01.png").write_bytes(b"hello")
    (tmp_path / "02.png").write_bytes(whole[:70])
    (tmp_path / "about.txt").write_bytes(b"hello")
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY[[0, 3, 4]])
    broken, others = rows.notes
    assert "2 files: 01.png (not an image), 02.png (truncated)" in broken
    assert "1 file (.txt)" in others


def test_what_cannot_be_opened_is_named(tmp_path):
    save(tmp_path, GREY)
    os.mkfifo(tmp_path / "pipe.png")
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY)
    (note,) = rows.notes
    assert "pipe.png (a pipe)" in note


def test_a_file_that_vanishes_is_named(tmp_path, monkeypatch):
    save(tmp_path, GREY)
    listed = images.images_in_folder(tmp_path)
    (tmp_path / "03.png").unlink()
    rows = images.read_images(listed, "x", OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY[[0, 1, 2, 4]])
    assert "03.png (No such file or directory)" in rows.notes[0]


def test_zip_with_damaged_members(tmp_path):
    save(tmp_path, GREY)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(tmp_path.glob("*.png")):
            archive.write(file, file.name)
        archive.writestr("bomb.png", bytes(10**7))
        infos = archive.infolist()
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[infos[1].header_offset + 40] ^= 255  # compressed bytes
    places = [content.index(b"PK\x01\x02")]
    while (place := content.find(b"PK\x01\x02", places[-1] + 1)) > 0:
        places.append(place)
    content[places[2] + 10] = 99  # method
    content[places[3] + 16] ^= 255  # checksum
    (tmp_path / "x.zip").write_bytes(content)
    rows = read_image_zip(tmp_path / "x.zip", OPTIONS, None)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY[[0, 4]])
    (note,) = rows.notes
    assert all(f"{name}.png (" in note for name in ("01", "02", "03", "bomb"))


def test_fewer_threads_for_very_large_images(tmp_path, monkeypatch):
    save(tmp_path, GREY)
    monkeypatch.setattr(images, "LARGE_IMAGE", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    readable, _ = images._read_headers(images.images_in_folder(tmp_path).entries, "x")
    assert images._threads(readable) == 8
    monkeypatch.setattr(images, "MEMORY_OF_THREADS", 3 * readable[0].header.memory)
    assert images._threads(readable) == 3
    monkeypatch.setattr(memory, "physical", lambda: 8 * readable[0].header.memory)
    assert images._threads(readable) == 2
    monkeypatch.setattr(memory, "physical", lambda: None)
    needed = images._memory_needed(readable, "RGB", (8, 6))
    assert needed == 5 * 3 * 8 * 6 + 3 * (readable[0].header.memory + 2 * 3 * 8 * 6)


@pytest.mark.parametrize("cut", [5, 70])
def test_only_broken_files(tmp_path, cut):
    save(tmp_path, GREY[:1])
    (tmp_path / "00.png").write_bytes((tmp_path / "00.png").read_bytes()[:cut])
    assert "1 image file: 00.png" in refused(read, tmp_path).got


def test_more_than_the_machine_holds(tmp_path, monkeypatch):
    save(tmp_path, GREY)
    monkeypatch.setattr(memory, "physical", lambda: 5 * 8 * 6 - 1)
    assert "fit in" in refused(read, tmp_path).expected


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.fromarray(array) for array in GREY]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY[:1])
    (note,) = rows.notes
    assert "first frame" in note


def test_16_bit_is_noted(tmp_path):
    save(tmp_path, GREY.astype(np.uint16) * 257)
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY)
    (note,) = rows.notes
    assert "8 bits from 16-bit" in note


def test_a_model_of_more_colors_takes_fewer(tmp_path):
    save(tmp_path, GREY)
    schema = Schema("pixels", (4, 8, 6), levels=256)
    rows = read(tmp_path, schema=schema)
    np.testing.assert_array_equal(rows.x.all(), np.moveaxis(np.concatenate([AS_RGB, OPAQUE], -1), -1, 1))
    assert rows.schema == schema


def test_a_model_of_fewer_colors_takes_more_only_if_nothing_is_lost(tmp_path):
    schema = Schema("pixels", (1, 8, 6), levels=256)
    save(tmp_path, AS_RGB)
    np.testing.assert_array_equal(read(tmp_path, schema=schema).x.all()[:, 0], GREY)
    save(tmp_path, RGB)
    error = refused(read, tmp_path, schema=schema)
    assert (error.expected[:2], error.got[:4]) == ("L ", "RGB ")
    assert Option("mode", "L") in error.remedy.parts
    assert read(tmp_path, DataOptions(mode="L"), schema).schema == schema
    error = refused(read, tmp_path, DataOptions(mode="RGB"), schema)
    assert (error.argument, error.got) == ("mode", "RGB")
    assert error.expected.startswith("L,")


def test_a_model_of_another_size_says_how_to_resize(tmp_path):
    save(tmp_path, GREY)
    schema = Schema("pixels", (1, 4, 3), levels=256)
    error = refused(read, tmp_path, schema=schema)
    assert ("1x4x3" in error.expected, "8x6" in error.got) == (True, True)
    assert Option("size", (4, 3)) in error.remedy.parts
    assert len(read(tmp_path, DataOptions(size=(4, 3)), schema)) == 5
    save(tmp_path, GREY[:1, :7])
    error = refused(read, tmp_path, schema=schema)
    assert "2 sizes" in error.got
    assert Option("size", (4, 3)) in error.remedy.parts


@pytest.mark.parametrize("schema", [Schema("table", (5,)), Schema("pixels", (48,)), Schema("real", (2, 8, 6))])
def test_a_model_of_no_images_is_named(tmp_path, schema):
    save(tmp_path, GREY)
    error = refused(read, tmp_path, schema=schema)
    assert (schema.kind in error.expected, error.got) == (True, "images")


@pytest.mark.parametrize("kind", ["real", "counts", "table"])
def test_image_files_are_pixels(tmp_path, kind):
    save(tmp_path, GREY)
    error = refused(read, tmp_path, DataOptions(kind=kind))
    assert (kind in error.expected, "pixels" in error.got) == (True, True)


def test_black_and_white_images_can_be_bits(tmp_path):
    save(tmp_path, GREY > 99)
    rows = read(tmp_path, DataOptions(kind="binary"))
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY > 99)
    assert rows.schema == Schema("binary", (1, 8, 6))
    np.testing.assert_array_equal(read(tmp_path, schema=rows.schema).x.all(), rows.x.all())
    save(tmp_path, GREY)
    error = refused(read, tmp_path, DataOptions(kind="binary"))
    assert Option("binarize", "fixed") in error.remedy.parts


def test_a_model_of_drawn_bits_draws_them(tmp_path):
    save(tmp_path, GREY > 99)
    schema = Schema("binary", (1, 8, 6), levels=256)
    rows = read(tmp_path, schema=schema)
    np.testing.assert_array_equal(rows.x.all()[:, 0], GREY > 99)
    assert rows.schema == schema
