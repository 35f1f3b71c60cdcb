"""`variate interpolate`, `traverse`, `shift`, `neighbours` and the map of `embed`: what they write and say."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import variate

PITCH = 66
"""Height and width of an image in a picture, with the gap."""
MARGIN = 108


def size(path):
    with Image.open(path) as picture:
        return picture.size


def table(path):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def test_interpolate_writes_a_strip_per_pair_and_curve_and_an_animation(digits_run, variate_command, tmp_path):
    arguments = ("--rows", 3, 17, 5, "--curve", "linear", "spherical", "--steps", 4, "--gif", "path.gif")
    code, out, _ = variate_command("interpolate", digits_run.path, *arguments)
    assert code == 0
    assert "linear, rows 3 -> 17 -> 5" in out
    assert "wrote interpolation.png, path.gif" in out
    assert size(tmp_path / "interpolation.png") == (5 * PITCH + 2 + MARGIN, 4 * PITCH + 2)
    with Image.open(tmp_path / "path.gif") as animation:
        assert animation.n_frames == 9 + 7  # there, and back without the ends
        assert animation.info["loop"] == 0
        assert animation.size == (2 * PITCH + 2, PITCH + 2)


def test_interpolate_writes_a_table_with_the_place_on_the_path(table_run, variate_command):
    assert variate_command("interpolate", table_run.path, "--rows", 0, 1, "--steps", 4)[0] == 0
    found = table("interpolation.csv")
    assert list(found[0]) == ["t", "height", "member", "visits", "city"]
    assert [float(row["t"]) for row in found] == [0, 0.25, 0.5, 0.75, 1]
    assert {row["city"] for row in found} <= {"Bern", "Oslo", "Rome"}
    options = ("--curve", "linear", "geodesic", "--steps", 1, "--rows", 0, 1, "--out", "x.parquet")
    assert variate_command("interpolate", table_run.path, *options)[0] == 0
    assert pq.read_table("x.parquet")["curve"].to_pylist() == ["linear", "linear", "geodesic", "geodesic"]


def test_the_ends_of_a_path_are_the_reconstructions(digits_run, variate_command):
    assert variate_command("interpolate", digits_run.path, "--rows", 3, 17, "--out", "path.npy")[0] == 0
    rows = digits_run.all_rows().select(np.array([3, 17]))
    np.testing.assert_allclose(np.load("path.npy")[[0, -1]], digits_run.model.reconstruct(rows), rtol=1e-5, atol=1e-5)


def test_traverse_prints_what_each_latent_does_and_writes_pictures(digits_run, table_run, variate_command, tmp_path):
    code, out, _ = variate_command("traverse", table_run.path)
    assert code == 0
    assert "what changes most" in out
    assert all(f"z{latent}" in out for latent in range(3))
    assert list(tmp_path.iterdir()) == []
    code, out, _ = variate_command("traverse", digits_run.path, "--stops", 5, "--latents", 2, "--gif", "t.gif")
    assert code == 0
    assert "nats per row" in out
    assert size(tmp_path / "traversal.png") == (5 * PITCH + 2 + MARGIN, 2 * PITCH + 2)
    with Image.open(tmp_path / "t.gif") as animation:
        assert animation.n_frames == 5 + 3


def test_traverse_writes_a_table_with_the_latent_and_its_place(table_run, variate_command):
    options = ("--latents", 2, "--stops", 3, "--span", 2, "--row", 4, "--out", "t.csv")
    assert variate_command("traverse", table_run.path, *options)[0] == 0
    found = table("t.csv")
    assert list(found[0]) == ["latent", "nats", "s", "height", "member", "visits", "city"]
    assert [float(row["s"]) for row in found] == [-2, 0, 2, -2, 0, 2]
    nats = [float(row["nats"]) for row in found]
    assert nats == sorted(nats, reverse=True)


def test_shift_writes_the_moved_rows_and_says_how_far_they_are(digits_run, table_run, variate_command, tmp_path):
    code, out, _ = variate_command("shift", table_run.path, "--minus", "city=Bern", "--plus", "city=Oslo", "visits=5..")
    assert code == 0
    assert "log p(z) of the moved rows" in out
    found = table("shifted.csv")
    assert list(found[0]) == ["row", "log_prior", "height", "member", "visits", "city"]
    original = variate.read(table_run.recipe.source)
    codes = original.dataset.x.all()[:, -1]
    assert [int(row["row"]) for row in found] == np.flatnonzero(codes == 0).tolist()
    code, out, _ = variate_command("shift", digits_run.path, "--plus", "0..9", "--rows", 20, 21)
    assert code == 0
    assert "wrote 2 moved rows to shifted.png" in out
    assert size(tmp_path / "shifted.png") == (2 * PITCH + 2, 2 * PITCH + 2)


def test_neighbours_prints_and_writes_the_row_and_those_nearest(digits_run, table_run, variate_command, tmp_path):
    code, out, _ = variate_command("neighbours", table_run.path, "--row", 3, "-k", 4, "--out", "n.csv")
    assert code == 0
    found = table("n.csv")
    assert int(found[0]["row"]) == 3
    assert len(found) == 5
    distances = [float(row["distance"]) for row in found]
    assert distances == sorted(distances)
    assert all(row["row"] in out for row in found)
    own = table(table_run.recipe.source)
    assert [row["city"] for row in found] == [own[int(row["row"])]["city"] for row in found]
    assert variate_command("neighbours", digits_run.path, "--row", 3)[0] == 0
    assert size(tmp_path / "neighbours.png") == (11 * PITCH + 2 + MARGIN, PITCH + 2)


def test_gaps_of_neighbours_stay_gaps(table_run, variate_command, tmp_path):
    (tmp_path / "x.csv").write_text("height,member,visits,city\n170,1,3,Rome\n,0,9,Bern\n160,1,,\n")
    options = ("--row", 1, "-k", 2, "--out", "n.csv")
    assert variate_command("neighbours", table_run.path, "x.csv", *options)[0] == 0
    found = {row["row"]: row for row in table("n.csv")}
    assert (found["1"]["height"], found["2"]["visits"], found["2"]["city"]) == ("", "", "")


@pytest.mark.parametrize("flag", [("--2d",), ("--2d", "pca")])
def test_embed_adds_a_map_and_draws_it(table_run, variate_command, flag):
    options = (*flag, "--picture", "map.png", "--color", "city")
    code, out, _ = variate_command("embed", table_run.path, *options)
    assert code == 0
    assert pq.read_table("embeddings.parquet").column_names == ["z0", "z1", "z2", "x", "y"]
    assert "of the variance of the latents along x" in out
    assert size("map.png") == (800 + 80 + 190, 880)


def test_the_bare_flag_may_stand_before_the_model(table_run, variate_command):
    assert variate_command("embed", "--2d", table_run.path)[0] == 0
    assert "x" in pq.read_table("embeddings.parquet").column_names


REFUSED = [
    ("interpolate", ["--rows", 3], "--rows"),
    ("interpolate", ["--rows", 3, 300], "--rows"),
    ("interpolate", ["--rows", 3, 3], "--rows"),
    ("interpolate", ["--steps", 0], "--steps"),
    ("interpolate", ["--gif", "x.gif"], "--gif"),
    ("interpolate", ["--out", "x.png"], "--out"),
    ("traverse", ["--row", 300], "--row"),
    ("traverse", ["--stops", 1], "--stops"),
    ("traverse", ["--latents", 0], "--latents"),
    ("shift", ["--plus", "city=Paris"], "the condition on column 'city'"),
    ("shift", ["--plus", "town=Bern"], "--plus"),
    ("shift", ["--plus", "city=Bern", "--minus", "city=Bern"], "--minus"),
    ("shift", ["--plus", "0..299"], "--plus"),
    ("neighbours", ["--row", 300], "--row"),
    ("neighbours", ["--row", 0, "-k", 300], "--k"),
    ("embed", ["--picture", "x.png"], "--picture"),
    ("embed", ["--2d", "--color", "city"], "--color"),
    ("embed", ["--2d", "--picture", "x.png", "--color", "town"], "--color"),
]


@pytest.mark.parametrize(("command", "options", "words"), REFUSED)
def test_what_cannot_be_used_ends_in_one_sentence(table_run, variate_command, tmp_path, command, options, words):
    code, _, err = variate_command(command, table_run.path, *options)
    assert code == 2, err
    assert err.startswith(f"variate: error: {words}: expected "), err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_files_are_replaced_only_if_that_was_asked_for(digits_run, variate_command, tmp_path):
    for command, options, name in (
        ("interpolate", ["--rows", 0, 1], "interpolation.png"),
        ("traverse", ["--gif", "t.gif"], "t.gif"),
        ("shift", ["--plus", 0], "shifted.png"),
        ("neighbours", ["--row", 0], "neighbours.png"),
        ("embed", ["--2d", "--picture", "map.png"], "map.png"),
    ):
        (tmp_path / name).write_text("mine")
        code, _, err = variate_command(command, digits_run.path, *options)
        assert code == 2
        assert "--overwrite" in err
        assert (tmp_path / name).read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()
