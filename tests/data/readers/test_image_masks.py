"""Mask pictures and transparency: which pixels of images are observed."""

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from variate import DataOptions, read, split
from variate.config.schema import Schema
from variate.data import fingerprint

RNG = np.random.default_rng(0)
GREY = RNG.integers(1, 256, (5, 8, 6)).astype(np.uint8)
RGB = RNG.integers(1, 256, (5, 8, 6, 3)).astype(np.uint8)
SEEN = RNG.random((5, 8, 6)) < 0.7
SEEN[1, 0, 0], SEEN[2] = False, True


def save(folder, arrays, ending="png"):
    folder.mkdir(exist_ok=True, parents=True)
    for number, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{number}.{ending}")
    return str(folder)


@pytest.fixture
def masks(tmp_path):
    return save(tmp_path / "masks", (SEEN * 255).astype(np.uint8))


def assert_observed(source, values, seen):
    channels_first = np.moveaxis(values.reshape(*seen.shape, -1), -1, 1)
    np.testing.assert_array_equal(source.dataset.mask.all(), np.broadcast_to(seen[:, None], channels_first.shape))
    np.testing.assert_array_equal(source.x.all(), channels_first * seen[:, None])


@pytest.mark.parametrize("values", [GREY, RGB])
@pytest.mark.parametrize("white", [1, 255])
def test_black_is_missing_in_all_channels(tmp_path, values, white):
    images, masks = save(tmp_path / "x", values), save(tmp_path / "m", (SEEN * white).astype(np.uint8))
    source = read(images, DataOptions(mask_folder=masks))
    assert_observed(source, values, SEEN)
    channels = 1 if values is GREY else 3
    missing = channels * (~SEEN).sum()
    note = f"{missing} of {SEEN.size * channels} values are missing (black in a mask picture, or transparent)."
    assert note in source.notes
    assert source.names == tuple(f"{number}.png" for number in range(5))


def test_names_decide_and_not_endings_or_order(tmp_path, masks):
    save(tmp_path / "x", GREY, "bmp")
    save(tmp_path / "x" / "sub", GREY[::-1])
    save(tmp_path / "masks" / "sub", (SEEN[::-1] * 255).astype(np.uint8), "gif")
    source = read(tmp_path / "x", DataOptions(mask_folder=masks))
    assert_observed(source, np.concatenate([GREY, GREY[::-1]]), np.concatenate([SEEN, SEEN[::-1]]))


def test_a_folder_of_masks_below_the_images_is_none_of_them(tmp_path):
    images = save(tmp_path / "x", GREY)
    masks = save(tmp_path / "x" / "masks", (SEEN * 255).astype(np.uint8))
    assert_observed(read(images, DataOptions(mask_folder=masks)), GREY, SEEN)


def test_masks_that_hide_nothing_are_no_mask(tmp_path):
    masks = save(tmp_path / "m", np.full_like(GREY, 255))
    source = read(save(tmp_path / "x", GREY), DataOptions(mask_folder=masks))
    assert source.dataset.mask is None
    assert fingerprint(source) == fingerprint(read(tmp_path / "x"))


def test_masks_are_part_of_the_data_and_split_with_them(tmp_path, masks):
    images, options = save(tmp_path / "x", GREY), DataOptions(mask_folder=masks, kind="pixels")
    source = read(images, options)
    assert fingerprint(source) != fingerprint(read(images))
    parts = split(source, options)
    for part in (parts.train, parts.validation, parts.test):
        for x, mask in zip(part.x.all(), part.mask.all(), strict=True):
            number = next(n for n in range(5) if np.array_equal(mask[0], SEEN[n]))
            np.testing.assert_array_equal(x[0], GREY[number] * SEEN[number])


def test_masks_that_are_not_as_they_should_be_are_refused(tmp_path, masks):
    images, options = save(tmp_path / "x", GREY), DataOptions(mask_folder=masks)
    folder = tmp_path / "masks"
    Image.fromarray(GREY[0]).save(folder / "extra.png")
    assert "Left out: 1 mask picture of no image: extra.png." in read(images, options).notes
    Image.fromarray(GREY[0]).save(folder / "3.gif")
    error = refused(read, images, options)
    assert (error.argument, error.got) == ("mask_folder", f"several in {masks} for 1 image: 3.png")
    (folder / "3.gif").unlink()
    (folder / "3.png").unlink()
    error = refused(read, images, options)
    assert (error.argument, error.got) == ("mask_folder", f"none in {masks} for 1 image: 3.png")
    Image.fromarray(GREY[0][:4]).save(folder / "3.png")
    error = refused(read, images, options)
    assert (error.argument, error.got) == ("mask picture 3.png", "4x6")
    (folder / "3.png").write_bytes(b"nothing")
    assert refused(read, images, options).argument == "mask picture 3.png"
    Image.fromarray(np.zeros((8, 6), np.uint8)).save(folder / "3.png")
    assert "1 of 5 rows has no observed value." in read(images, options).notes
    for path in folder.iterdir():
        Image.fromarray(np.zeros((8, 6), np.uint8)).save(folder / path.name)
    assert refused(read, images, options).got == "none"


@pytest.mark.parametrize("name", ["nothing", "x/0.png"])
def test_what_is_no_folder_of_masks_is_refused(tmp_path, name):
    images = save(tmp_path / "x", GREY)
    assert refused(read, images, DataOptions(mask_folder=str(tmp_path / name))).argument == "mask_folder"


ALPHA = np.where(SEEN, 255, 0).astype(np.uint8)[..., None]


@pytest.mark.parametrize(("values", "colours"), [(GREY, np.repeat(GREY[..., None], 3, -1)), (RGB, RGB)])
def test_transparent_pixels_are_missing_where_that_is_asked_for(tmp_path, values, colours):
    images = save(tmp_path / "x", np.concatenate([colours, ALPHA], -1))
    source = read(images, DataOptions(transparency="missing"))
    assert_observed(source, values, SEEN)
    assert read(images).schema.shape == (4, 8, 6)
    again = read(images, DataOptions(transparency="missing"), schema=source.schema)
    np.testing.assert_array_equal(again.dataset.mask.all(), source.dataset.mask.all())


def test_partly_transparent_pixels_are_laid_over_black_with_a_note(tmp_path):
    alpha = ALPHA.copy()
    alpha[0, 0, 0] = 100
    images = save(tmp_path / "x", np.concatenate([RGB, alpha], -1))
    source = read(images, DataOptions(transparency="missing"))
    assert source.dataset.mask.all()[0, :, 0, 0].all()
    assert abs(source.x.all()[0, :, 0, 0] - RGB[0, 0, 0] * (100 / 255)).max() <= 1
    assert "Laid over black where partly transparent: 1 image." in source.notes


def test_masks_and_transparency_both_count(tmp_path, masks):
    alpha = ALPHA[::-1].copy()
    images = save(tmp_path / "x", np.concatenate([RGB, alpha], -1))
    source = read(images, DataOptions(transparency="missing", mask_folder=masks))
    assert_observed(source, RGB, SEEN & SEEN[::-1])


def test_pictures_are_turned_with_their_masks(tmp_path):
    turned = Image.fromarray(np.concatenate([RGB[0], ALPHA[0]], -1))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "x").mkdir()
    turned.save(tmp_path / "x" / "0.png", exif=exif)
    (tmp_path / "m").mkdir()
    Image.fromarray((np.rot90(SEEN[1], -1) * 255).astype(np.uint8)).save(tmp_path / "m" / "0.png")
    options = DataOptions(transparency="missing", mask_folder=str(tmp_path / "m"))
    source = read(tmp_path / "x", options)
    np.testing.assert_array_equal(source.dataset.mask.all()[0, 0], np.rot90(SEEN[0] & SEEN[1], -1))


def test_missing_pixels_leave_no_trace_when_images_are_resized(tmp_path, masks):
    one, other = save(tmp_path / "x", RGB), save(tmp_path / "y", np.where(SEEN[..., None], RGB, 255 - RGB))
    found = [read(path, DataOptions(mask_folder=masks, size=(5, 4))).x.all() for path in (one, other)]
    np.testing.assert_array_equal(*found)


def test_transparency_cannot_be_missing_and_kept(tmp_path):
    images = save(tmp_path / "x", np.concatenate([RGB, ALPHA], -1))
    error = refused(read, images, DataOptions(transparency="missing", mode="RGBA"))
    assert error.argument == "transparency"
    model = Schema("pixels", (4, 8, 6), 256)
    assert refused(read, images, DataOptions(transparency="missing"), schema=model).argument == "transparency"


def test_black_and_white_images_with_gaps_can_be_bits(tmp_path, masks):
    images = save(tmp_path / "x", ((GREY > 128) * 255).astype(np.uint8))
    source = read(images, DataOptions(mask_folder=masks, kind="binary"))
    assert source.schema.kind == "binary"
    assert_observed(source, (GREY > 128).astype(np.uint8), SEEN)


@pytest.mark.parametrize("option", [{"mask_folder": "m"}, {"transparency": "missing"}])
def test_other_data_have_no_masks(option):
    assert refused(read, "digits", DataOptions(**option)).argument == next(iter(option))
