"""Strips of images with labels, and animations."""

import numpy as np
import pytest
from PIL import Image

from refusals import refused
from variate.config.schema import Schema
from variate.reports import moving
from variate.reports.moving import MARGIN, gif_path, save_animation, strips
from variate.reports.pictures import grid

SCHEMA = Schema("pixels", (1, 8, 8), levels=256)
ROWS = np.random.default_rng(0).integers(0, 256, (2, 4, 1, 8, 8)).astype(np.float32)


def test_a_strip_is_the_grid_of_its_images_beside_its_label():
    found = np.asarray(strips(ROWS, ["one", "another that is far too long for its place"], SCHEMA))
    sheet = np.asarray(grid(ROWS.reshape(8, 1, 8, 8).astype(np.uint8), 4))
    assert np.array_equal(found[:, MARGIN:], sheet)
    for line in np.array_split(found[:, :MARGIN], 2):
        assert (line < 255).any()
    assert (np.asarray(strips(ROWS, ["", ""], SCHEMA))[:, :MARGIN] == 255).all()


def test_an_animation_goes_there_and_back_without_end(tmp_path):
    save_animation(ROWS, tmp_path / "a.gif", SCHEMA)
    with Image.open(tmp_path / "a.gif") as found:
        assert (found.n_frames, found.info["loop"]) == (6, 0)
        for frame, moment in enumerate([0, 1, 2, 3, 2, 1]):
            found.seek(frame)
            expected = np.asarray(grid(ROWS[:, moment].astype(np.uint8)))
            assert np.array_equal(np.asarray(found.convert("RGB")), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_one_moment_is_a_picture_that_stands_still(tmp_path):
    save_animation(ROWS[:, :1], tmp_path / "a.gif", SCHEMA)
    with Image.open(tmp_path / "a.gif") as found:
        assert found.n_frames == 1


def test_too_many_moments_are_refused_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(moving, "MOST_FRAMES", 3)
    assert refused(save_animation, ROWS, tmp_path / "a.gif", SCHEMA).argument == "gif"
    assert list(tmp_path.iterdir()) == []


def test_only_images_move(tmp_path):
    assert gif_path(None, SCHEMA, False) is None
    assert gif_path(str(tmp_path / "a.gif"), SCHEMA, False) == tmp_path / "a.gif"
    assert refused(gif_path, "a.png", SCHEMA, False).argument == "gif"
    with pytest.raises(ValueError, match="images"):
        gif_path("a.gif", Schema("real", (4,)), False)
