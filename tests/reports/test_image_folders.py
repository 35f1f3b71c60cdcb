"""Images as files of a folder."""

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from variate.config.schema import Schema
from variate.reports.image_folders import file_names, new_folder, write_images

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (3, 3, 5, 4)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_come_back(tmp_path, channels):
    images = RNG.integers(0, 256, (3, channels, 5, 4)).astype(np.uint8)
    write_images(tmp_path / "out", images, ("a.jpg", "sub/b.png", "c.gif"), Schema("pixels", (channels, 5, 4), 256))
    for name, image in zip(("a.png", "sub/b.png", "c.png"), images, strict=True):
        found = np.asarray(Image.open(tmp_path / "out" / name))
        np.testing.assert_array_equal(np.moveaxis(found.reshape(5, 4, -1), -1, 0), image)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_bits_are_black_and_white(tmp_path):
    bits = RNG.integers(0, 2, (3, 1, 5, 4)).astype(np.uint8)
    write_images(tmp_path / "out", bits, (), Schema("binary", (1, 5, 4)))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / "1.png")), bits[1, 0] * 255)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ["0.png", "1.png", "2.png"]),
        (("a.jpg", "b.png", "s/a.bmp"), ["a.png", "b.png", "s/a.png"]),
        (("a.jpg", "a.png", "b.png"), ["a.jpg.png", "a.png.png", "b.png.png"]),
        (("A.jpg", "a.jpg", "b.png"), ["0.png", "1.png", "2.png"]),  # one file on some systems
        (("../a.jpg", "b.png", "c.png"), ["0.png", "1.png", "2.png"]),
        (("/etc/a.jpg", "b.png", "c.png"), ["0.png", "1.png", "2.png"]),
        (("x/../../a.jpg", "b.png", "c.png"), ["0.png", "1.png", "2.png"]),
        (("C:\\a.jpg", "b.png", "c.png"), ["0.png", "1.png", "2.png"]),
    ],
)
def test_names_are_those_of_the_files_and_never_lead_out_of_the_folder(names, expected):
    assert file_names(names, 3) == expected


def test_many_are_numbered_in_the_order_of_their_names():
    names = file_names((), 1001)
    assert (names[0], names[-1], sorted(names) == names) == ("0000.png", "1000.png", True)


def test_a_folder_that_exists_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    assert refused(new_folder, str(tmp_path / "out")).argument == "out"
    assert new_folder(str(tmp_path / "new")) == tmp_path / "new"


def test_nothing_is_left_of_images_that_cannot_be_written(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("PIL.Image.Image.save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_images(tmp_path / "out", PIXELS, (), Schema("pixels", (3, 5, 4), 256))
    assert list(tmp_path.iterdir()) == []
