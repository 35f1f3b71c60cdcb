"""Images with missing pixels on the command line: trained on, evaluated, examined and filled."""

import numpy as np
import pytest
import torch
from PIL import Image

import variate
from small_runs import FAST
from variate.runs import Run

SEEN = np.random.default_rng(0).random((40, 8, 8)) < 0.8


def save(folder, arrays):
    folder.mkdir()
    for number, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{number:02}.png")


@pytest.fixture
def images(tmp_path):
    """40 digits, 10 others, and their mask pictures, of which the last is all black."""
    digits = variate.read("digits").x.all()[:50, 0] * 15
    masks = (np.concatenate([SEEN, SEEN[:9], np.zeros((1, 8, 8), bool)]) * 255).astype(np.uint8)
    for name, own in (("old", slice(40)), ("new", slice(40, None))):
        save(tmp_path / name, digits[own])
        save(tmp_path / f"{name}-masks", masks[own])
    return digits


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # few epochs are too few
def test_what_is_masked_is_not_learned_and_not_judged(images, short_trials, variate_command, tmp_path, monkeypatch):
    code, out, err = variate_command("train", "old", "--mask-folder", "old-masks", "--out", "run", *FAST)
    assert code == 0, err
    assert f"{(~SEEN).sum()} of 2,560 values are missing" in out
    monkeypatch.chdir(tmp_path / "run")  # the folder of masks is found again from anywhere
    assert variate_command("evaluate", tmp_path / "run", "--samples", 1)[0] == 0
    run = Run(tmp_path / "run")
    parts = run.splits()
    mask = parts.test.mask.all()
    masked = np.ma.array(parts.test.x.all(), mask=~mask)
    torch.testing.assert_close(variate.elbo(run.model, parts.test).elbo, variate.elbo(run.model, masked).elbo)
    assert variate_command("doctor", tmp_path / "run")[0] == 0


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")
def test_missing_pixels_are_filled_and_the_others_stay(images, variate_command, tmp_path):
    assert variate_command("train", "old", "--mask-folder", "old-masks", "--out", "run", *FAST)[0] == 0
    asked = ("impute", "run", "new", "--mask-folder", "new-masks", "--samples", 50)
    code, out, err = variate_command(*asked, "-o", "out")
    assert (code, err) == (0, "")
    gaps = (~SEEN[:9]).sum() + 64
    assert out.startswith(f"wrote 10 rows to out: {gaps} missing values filled with medians")
    assert "1 row without any value" in out
    for number in range(9):
        found = np.asarray(Image.open(tmp_path / "out" / f"{number:02}.png"))
        np.testing.assert_array_equal(found[SEEN[number]], images[40 + number][SEEN[number]])
    assert variate_command(*asked, "-o", "out.npy")[0] == 0
    again = np.load(tmp_path / "out.npy")
    np.testing.assert_array_equal(again[3, 0], np.asarray(Image.open(tmp_path / "out" / "03.png")))
    assert "--out: expected the name of a new folder" in variate_command(*asked, "-o", "out")[2]
    assert "--mask-folder" in variate_command("impute", "run", "--mask-folder", "new-masks")[2]
    code, out, _ = variate_command("impute", "run", "new", "-o", "whole")
    assert (code, "nothing is missing" in out) == (0, True)
    assert variate_command("evaluate", "run", "new", "--mask-folder", "new-masks", "--samples", 1)[0] == 0


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")
def test_numbers_of_an_array_are_filled(variate_command, tmp_path):
    rng = np.random.default_rng(0)
    values = np.where(rng.random((60, 3)) < 0.2, np.nan, rng.normal(size=(60, 3)))
    np.save(tmp_path / "x.npy", values)
    assert variate_command("train", "x.npy", "--out", "run", *FAST)[0] == 0
    assert variate_command("impute", "run", "--samples", 50)[0] == 0
    filled = np.load(tmp_path / "filled.npy")
    np.testing.assert_array_equal(filled[~np.isnan(values)], values[~np.isnan(values)])
    assert np.isfinite(filled).all()
    assert "filled.npy" in variate_command("impute", "run", "--samples", 50)[2]
