import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from variate.config.recipe import DataOptions, Schema
from variate.data.readers import image_files as pictures
from variate.data.readers.images import census, read_images
from variate.data.readers.listing import in_folder, in_zip
from variate.errors import InputError
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
    return read_images(in_folder(folder), "pics", options, schema)


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
    np.testing.assert_array_equal(rows.values, np.moveaxis(expected, -1, 1))
    assert rows.values.dtype == np.uint8
    assert rows.values.flags.c_contiguous
    assert rows.schema == Schema("pixels", rows.values.shape[1:], levels=256)
    assert rows.notes == ()


def test_threads_decode_the_same(tmp_path, monkeypatch):
    save(tmp_path, RGB)
    alone = read(tmp_path).values
    monkeypatch.setattr("variate.data.readers.images.LARGE", 1)
    np.testing.assert_array_equal(read(tmp_path).values, alone)
    assert pictures.LARGE > 8 * 6  # so that the two really went two ways


def test_zip_is_read_as_its_folder(tmp_path):
    save(tmp_path, RGB)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for file in tmp_path.glob("*.png"):
            archive.write(file, f"folder/{file.name}")
    with in_zip(tmp_path / "x.zip") as found:
        rows = read_images(found, "x.zip", DataOptions(), None)
    np.testing.assert_array_equal(rows.values, read(tmp_path).values)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_mode_asked_for(tmp_path, mode, channels):
    save(tmp_path, np.concatenate([RGB, CLEAR], -1))
    rows = read(tmp_path, DataOptions(mode=mode))
    assert rows.values.shape == (5, channels, 8, 6)
    note = "Laid over black, since their alpha channel was not wanted: 5 images."
    assert rows.notes == ((note,) if mode != "RGBA" else ())


def test_sizes_that_differ_are_counted(tmp_path):
    save(tmp_path, GREY)
    save(tmp_path, GREY[:2, :7], start=5)
    with pytest.raises(InputError, match=r"pics are of 2 sizes .*: 8x6 \(5\), 7x6 \(2\); resize them with --size 8 6"):
        read(tmp_path)


def test_census_lists_the_five_most_frequent():
    sizes = Counter({(side, side): 10 - side for side in range(1, 8)})
    assert census(sizes) == "1x1 (9), 2x2 (8), 3x3 (7), 4x4 (6), 5x5 (5) and 2 more"


def test_size_resizes_and_says_so(tmp_path):
    save(tmp_path, GREY)
    save(tmp_path, GREY[:2, :4, :3], start=5)
    save(tmp_path, GREY[:1, :4], start=7)
    rows = read(tmp_path, DataOptions(size=(8, 6)))
    assert rows.values.shape == (8, 1, 8, 6)
    np.testing.assert_array_equal(rows.values[:5, 0], GREY)
    assert rows.notes == ("Resized to 8x6 (1 changed their proportions): 3 images.",)


def test_size_of_nothing_is_refused(tmp_path):
    save(tmp_path, GREY)
    with pytest.raises(InputError, match="size is a height and a width in pixels"):
        read(tmp_path, DataOptions(size=(0, 6)))


def test_broken_files_are_left_out_and_named(tmp_path):
    save(tmp_path, GREY)
    whole = (tmp_path / "02.png").read_bytes()
    (tmp_path / "01.png").write_bytes(b"hello")
    (tmp_path / "02.png").write_bytes(whole[:70])
    (tmp_path / "about.txt").write_bytes(b"hello")
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.values[:, 0], GREY[[0, 3, 4]])
    assert rows.notes == (
        "Left out, since they could not be read as images: 2 files: 01.png (not an image), 02.png (truncated).",
        "Left out, since their endings are none of images: 1 file (.txt).",
    )


@pytest.mark.parametrize("cut", [5, 70])
def test_only_broken_files(tmp_path, cut):
    save(tmp_path, GREY[:1])
    (tmp_path / "00.png").write_bytes((tmp_path / "00.png").read_bytes()[:cut])
    with pytest.raises(InputError, match=r"none of 1 image file in pics could be read: 00\.png"):
        read(tmp_path)


def test_more_than_the_machine_holds(tmp_path, monkeypatch):
    save(tmp_path, GREY)
    monkeypatch.setattr(memory, "physical", lambda: 5 * 8 * 6 - 1)
    with pytest.raises(InputError, match="pics needs"):
        read(tmp_path)


def test_animation_gives_its_first_frame(tmp_path):
    frames = [Image.fromarray(array) for array in GREY]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.values[:, 0], GREY[:1])
    assert rows.notes == ("Animated, of which the first frame was taken: 1 image.",)


def test_16_bit_is_noted(tmp_path):
    save(tmp_path, GREY.astype(np.uint16) * 257)
    rows = read(tmp_path)
    np.testing.assert_array_equal(rows.values[:, 0], GREY)
    assert rows.notes == ("Rounded to 8 bits from 16-bit grey levels: 5 images.",)


def test_a_model_of_more_colors_takes_fewer(tmp_path):
    save(tmp_path, GREY)
    schema = Schema("pixels", (4, 8, 6), levels=256)
    rows = read(tmp_path, schema=schema)
    np.testing.assert_array_equal(rows.values, np.moveaxis(np.concatenate([AS_RGB, OPAQUE], -1), -1, 1))
    assert rows.schema == schema


def test_a_model_of_fewer_colors_takes_more_only_if_nothing_is_lost(tmp_path):
    schema = Schema("pixels", (1, 8, 6), levels=256)
    save(tmp_path, AS_RGB)
    np.testing.assert_array_equal(read(tmp_path, schema=schema).values[:, 0], GREY)
    save(tmp_path, RGB)
    with pytest.raises(InputError, match="pics are RGB, but the model takes L; convert them with --mode L"):
        read(tmp_path, schema=schema)
    assert read(tmp_path, DataOptions(mode="L"), schema).schema == schema
    with pytest.raises(InputError, match="mode RGB was asked for, but the model takes L"):
        read(tmp_path, DataOptions(mode="RGB"), schema)


def test_a_model_of_another_size_says_how_to_resize(tmp_path):
    save(tmp_path, GREY)
    schema = Schema("pixels", (1, 4, 3), levels=256)
    with pytest.raises(InputError, match="are 8x6, but a row of the model is 1x4x3; resize them with --size 4 3"):
        read(tmp_path, schema=schema)
    assert read(tmp_path, DataOptions(size=(4, 3)), schema).values.shape == (5, 1, 4, 3)
    save(tmp_path, GREY[:1, :7])
    with pytest.raises(InputError, match=r"are of 2 sizes .* --size 4 3"):
        read(tmp_path, schema=schema)


@pytest.mark.parametrize("schema", [Schema("table", (5,)), Schema("pixels", (48,)), Schema("real", (2, 8, 6))])
def test_a_model_of_no_images_is_named(tmp_path, schema):
    save(tmp_path, GREY)
    with pytest.raises(InputError, match="pics holds images, but a row of the model is"):
        read(tmp_path, schema=schema)


@pytest.mark.parametrize("kind", ["real", "counts", "table"])
def test_image_files_are_pixels(tmp_path, kind):
    save(tmp_path, GREY)
    with pytest.raises(InputError, match="pics holds images, whose values are pixels, not"):
        read(tmp_path, DataOptions(kind=kind))


def test_black_and_white_images_can_be_bits(tmp_path):
    save(tmp_path, GREY > 99)
    rows = read(tmp_path, DataOptions(kind="binary"))
    np.testing.assert_array_equal(rows.values[:, 0], GREY > 99)
    assert rows.schema == Schema("binary", (1, 8, 6))
    np.testing.assert_array_equal(read(tmp_path, schema=rows.schema).values, rows.values)
    save(tmp_path, GREY)
    with pytest.raises(InputError, match="has grey levels between black and white; draw bits"):
        read(tmp_path, DataOptions(kind="binary"))


def test_a_model_of_drawn_bits_draws_them(tmp_path):
    save(tmp_path, GREY > 99)
    schema = Schema("binary", (1, 8, 6), levels=256)
    rows = read(tmp_path, schema=schema)
    np.testing.assert_array_equal(rows.values[:, 0], GREY > 99)
    assert rows.schema == schema
