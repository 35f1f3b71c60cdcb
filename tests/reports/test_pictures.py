import math

import numpy as np
import pytest
from PIL import Image

from variate.reports.pictures import CHECKER, GAP, LEAST_SIDE, grid, opaque, paired_grid, save, to_uint8


def images(n, channels=1, height=6, width=5):
    return np.random.default_rng(0).integers(0, 256, (n, channels, height, width), dtype=np.uint8)


def cell(sheet, index, columns, height, width, factor):
    """The pixels of one image in a grid, enlargement undone."""
    top, left = divmod(index, columns)
    y, x = top * (height * factor + GAP) + GAP, left * (width * factor + GAP) + GAP
    return np.asarray(sheet)[y : y + height * factor : factor, x : x + width * factor : factor]


@pytest.mark.parametrize("levels", [2, 4, 256])
def test_grey_levels_span_eight_bits(levels):
    found = to_uint8(np.arange(levels), levels)
    assert np.array_equal(found, np.rint(np.linspace(0, 255, levels)))
    assert found.dtype == np.uint8


def test_levels_outside_the_range_are_clipped_and_means_rounded():
    assert to_uint8(np.array([-3.0, 127.4, 127.6, 300.0]), 256).tolist() == [0, 127, 128, 255]


def test_real_values_span_from_lowest_to_highest():
    assert to_uint8(np.array([-2.0, 0.0, 2.0]), 0).tolist() == [0, 128, 255]
    assert to_uint8(np.full(3, 7.0), 0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("n", "columns"), [(1, None), (4, None), (5, None), (7, 3), (3, 8)])
def test_every_image_stands_in_its_place_unchanged(n, columns, channels):
    x = images(n, channels)
    sheet = grid(x, columns)
    columns = columns or math.ceil(math.sqrt(n))
    factor = round(LEAST_SIDE / 6)
    rows = math.ceil(n / columns)
    assert sheet.size == (columns * (5 * factor + GAP) + GAP, rows * (6 * factor + GAP) + GAP)
    for index, image in enumerate(x):
        expected = np.broadcast_to(np.moveaxis(image, 0, -1), (6, 5, 3))
        assert np.array_equal(cell(sheet, index, columns, 6, 5, factor), expected)
    empty = cell(sheet, n, columns, 6, 5, factor) if n < rows * columns else np.array([255])
    assert (empty == 255).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (64, 48), (300, 10)])
def test_small_images_are_enlarged_and_large_ones_are_not(height, width):
    factor = max(1, round(LEAST_SIDE / max(height, width)))
    x = images(1, height=height, width=width)
    assert grid(x).size == (width * factor + 2 * GAP, height * factor + 2 * GAP)
    assert np.array_equal(cell(grid(x), 0, 1, height, width, factor)[..., 0], x[0, 0])


@pytest.mark.parametrize("channels", [2, 4])
def test_opaque_pixels_keep_their_color_and_clear_ones_show_the_checkerboard(channels):
    image = images(1, channels, 16, 16)[0]
    image[-1] = 255
    expected = np.broadcast_to(np.moveaxis(image[:-1], 0, -1), (16, 16, 3))
    assert np.array_equal(opaque(image), expected)
    image[-1] = 0
    shown = opaque(image)
    assert set(np.unique(shown)) == set(CHECKER)
    assert (shown[0, 0] == shown[7, 7]).all()
    assert (shown[0, 0] != shown[0, 8]).all()
    assert (shown[0, 0] == shown[8, 8]).all()


def test_half_transparent_pixels_are_mixed():
    image = np.array([100, 51], dtype=np.uint8).reshape(2, 1, 1)
    ground = opaque(image * np.array([1, 0], dtype=np.uint8).reshape(2, 1, 1))[0, 0, 0]
    assert opaque(image)[0, 0].tolist() == [round(0.2 * 100 + 0.8 * int(ground))] * 3


def test_images_of_many_channels_show_their_first():
    image = images(1, 7)[0]
    assert np.array_equal(opaque(image), np.repeat(image[0][..., None], 3, -1))


@pytest.mark.parametrize(("n", "columns"), [(1, 12), (5, 2), (6, 3), (13, 12)])
def test_each_original_stands_above_its_reconstruction(n, columns):
    above = images(n)
    below = 255 - above
    sheet = paired_grid(above, below, columns)
    columns, factor = min(columns, n), round(LEAST_SIDE / 6)
    for i in range(n):
        stretch, place = divmod(i, columns)
        for part, line in ((above, 2 * stretch), (below, 2 * stretch + 1)):
            assert np.array_equal(cell(sheet, line * columns + place, columns, 6, 5, factor)[..., 0], part[i, 0])


def test_saved_picture_is_a_png_of_the_same_pixels(tmp_path):
    sheet = grid(images(3, 3))
    save(sheet, tmp_path / "a" / "grid.png")
    with Image.open(tmp_path / "a" / "grid.png") as found:
        assert found.format == "PNG"
        assert np.array_equal(np.asarray(found), np.asarray(sheet))
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["grid.png"]
