"""Moves in latent space: rows out of a run."""

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate.runs import Run
from variate.tasks.embed import embed
from variate.tasks.interpolate import interpolate_rows
from variate.tasks.map_colors import map_colors
from variate.tasks.neighbours import find_neighbours
from variate.tasks.shift import shift_rows
from variate.tasks.traverse import traverse_latents


def test_paths_are_those_of_interpolate(digits_run):
    found = interpolate_rows(digits_run, rows=(3, 17, 5), curves=("linear", "spherical"), steps=2)
    rows = digits_run.all_rows().select(np.array([3, 17, 5]))
    for place, curve in enumerate(("linear", "spherical")):
        expected = variate.interpolate(digits_run.model, rows, curve=curve, steps=2)
        assert np.array_equal(found.rows[place], expected.rows.numpy())
    assert found.numbers == (3, 17, 5)


def test_rows_are_chosen_by_the_seed_where_none_are_named(digits_run):
    one, again, other = (interpolate_rows(digits_run, steps=1, seed=seed).numbers for seed in (0, 0, 1))
    assert one == again != other
    assert len(set(one)) == 4


def test_columns_that_follow_from_others_do_so_between_rows(orders_run):
    net, tax, twice, *_, gross, four = interpolate_rows(orders_run, rows=(0, 1), steps=5).rows[0].T
    np.testing.assert_allclose(twice, 2 * net, atol=0.006)
    np.testing.assert_allclose(gross, net + tax, atol=0.006)
    np.testing.assert_allclose(four, 4 * net, atol=0.006)


def test_rows_that_make_no_path_are_refused(digits_run):
    for rows in ((3,), (3, 3), (3, 1797), (3, -1)):
        assert refused(interpolate_rows, digits_run, rows=rows).argument == "rows"


def test_latents_are_ranked_on_the_test_part_and_start_anywhere(table_run):
    found = traverse_latents(table_run, row=7, num_latents=2, stops=3)
    start = table_run.all_rows().select(np.array([7]))
    expected = variate.traverse(table_run.model, table_run.splits().test, start=start, num_latents=2, stops=3)
    assert np.array_equal(found.rows, expected.rows.numpy())
    assert found.part.startswith("test part of")
    assert [len(moves) for moves in found.moves] == [4, 4]
    assert refused(traverse_latents, table_run, row=300).argument == "row"


def test_images_have_no_columns_that_move(digits_run):
    assert traverse_latents(digits_run, stops=2).moves == ()


def test_rows_are_moved_between_groups(table_run):
    rows = table_run.all_rows()
    codes = rows.x.all()[:, [column.name for column in table_run.recipe.schema.columns].index("city")]
    bern, oslo = np.flatnonzero(codes == 0), np.flatnonzero(codes == 1)
    found = shift_rows(table_run, plus=("city=Oslo",), minus=("city=Bern",), strength=2.0)
    expected = variate.shift(table_run.model, rows.select(bern), rows.select(oslo), rows.select(bern), strength=2.0)
    assert np.array_equal(found.rows, expected.rows.numpy())
    assert np.array_equal(found.numbers, bern)
    assert found.sizes == (len(oslo), len(bern))
    assert len(found.moves) == 4
    usual = variate.shift(
        table_run.model, rows.select(np.concatenate([oslo, bern])), rows.select(oslo), rows.select(bern)
    )
    assert found.usual_log_prior == pytest.approx(usual.log_prior_before.mean().item())
    least = np.quantile(usual.log_prior_before, 0.05)
    assert found.unlikely == pytest.approx((expected.log_prior < least).double().mean().item())


def test_the_other_group_is_everything_else_and_rows_may_be_named(table_run):
    codes = table_run.all_rows().x.all()[:, -1]
    found = shift_rows(table_run, plus=("city=Oslo",), rows=(4, 2))
    assert found.sizes == ((codes == 1).sum(), (codes != 1).sum())
    assert found.numbers.tolist() == [4, 2]
    assert len(found.rows) == len(found.before) == 2


def test_groups_that_do_not_differ_are_refused(table_run):
    assert refused(shift_rows, table_run, plus=("0..299",)).argument == "plus"
    assert refused(shift_rows, table_run, plus=("0..9",), minus=("0..9",)).argument == "minus"
    assert refused(shift_rows, table_run, plus=("city=Oslo",), rows=(300,)).argument == "rows"


def test_neighbours_are_those_among_all_rows_without_the_row_itself(digits_run):
    rows = digits_run.all_rows()
    found = find_neighbours(digits_run, row=3, k=5)
    expected = variate.neighbours(digits_run.model, rows.select(np.array([3])), rows, k=6)
    assert expected.rows[0, 0] == 3
    assert found.numbers.tolist() == expected.rows[0, 1:].tolist()
    np.testing.assert_allclose(found.distances, expected.distance[0, 1:], rtol=1e-4)
    assert np.array_equal(found.rows.x.all(), rows.x.all()[found.numbers])
    assert found.total == 1797


def test_a_row_that_is_there_twice_has_its_copy_as_nearest_neighbour(table_run, tmp_path):
    line = "170.00,1,3,Bern\n"
    (tmp_path / "x.csv").write_text("height,member,visits,city\n" + line + "150,0,30,Rome\n" + line)
    for row, other in ((0, 2), (2, 0)):
        found = find_neighbours(table_run, str(tmp_path / "x.csv"), row=row, k=2)
        assert found.numbers.tolist() == [other, 1]
        assert found.distances[0] < 1e-5 < found.distances[1]
    assert refused(find_neighbours, table_run, str(tmp_path / "x.csv"), row=0, k=3).argument == "k"
    assert refused(find_neighbours, table_run, str(tmp_path / "x.csv"), row=3, k=1).argument == "row"


@pytest.fixture
def rows_on_disk(digits_run, tmp_path, monkeypatch):
    """The first rows of digits in a file that is streamed, a hundred at a time."""
    rows = digits_run.all_rows().x.all()[:250]
    np.save(tmp_path / "rows.npy", rows)
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 2 * rows.nbytes - 1)
    monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", 64 * 100)
    return str(tmp_path / "rows.npy"), rows


def test_neighbours_on_disk_are_those_in_memory(digits_run, rows_on_disk):
    path, rows = rows_on_disk
    found = find_neighbours(digits_run, path, row=150, k=8)
    expected = variate.neighbours(digits_run.model, rows[150:151], rows, k=9)
    assert found.numbers.tolist() == expected.rows[0, 1:].tolist()


def test_a_map_has_the_columns_x_and_y_in_memory_and_on_disk(digits_run, rows_on_disk):
    path, rows = rows_on_disk
    pieces = list(embed(digits_run, path, map="pca").pieces)
    assert [len(piece["x"]) for piece in pieces] == [100, 100, 50]
    found = np.stack([np.concatenate([piece[name] for piece in pieces]) for name in ("x", "y")], 1)
    means = digits_run.model.embed(rows).mean.double()
    directions = torch.linalg.svd(means - means.mean(0), full_matrices=False).Vh[:2]
    expected = ((means - means.mean(0)) @ directions.T).numpy()
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)


def test_a_map_adds_columns_and_changes_none(table_run):
    (plain,) = embed(table_run, std=True).pieces
    found = embed(table_run, std=True, map="pca")
    (mapped,) = found.pieces
    assert list(mapped) == [*plain, "x", "y"]
    assert all(np.array_equal(mapped[name], plain[name]) for name in plain)
    assert found.shares == pytest.approx(
        sorted((mapped[name].var() / sum(plain[f"z{i}"].var() for i in range(3)) for name in "xy"), reverse=True)
    )


def test_a_map_by_umap_is_that_of_all_rows(table_run, monkeypatch):
    home = "variate.evaluation.latent_space.projection."
    monkeypatch.setattr(home + "require_umap", lambda: None)
    monkeypatch.setattr(home + "umap_coordinates", lambda means, seed: means[:, :2].double() * seed)
    (mapped,) = embed(table_run, map="umap", seed=3).pieces
    np.testing.assert_allclose(mapped["x"], 3 * mapped["z0"].astype(float))


def test_colors_are_the_cells_of_a_column(table_run, tmp_path):
    (tmp_path / "x.csv").write_text("height,member,visits,city\n170,1,3,Rome\n,0,9,Bern\n160,1,3,\n")
    path = str(tmp_path / "x.csv")
    found = map_colors(table_run, path, "city")
    assert found.categories == ("Bern", "Oslo", "Rome")
    assert np.array_equal(found.values, [2, 0, np.nan], equal_nan=True)
    found = map_colors(table_run, path, "height")
    assert (found.categories, found.ends) == ((), ("160.0", "170.0"))
    assert np.array_equal(found.values, [170, np.nan, 160], equal_nan=True)
    assert refused(map_colors, table_run, path, "town").argument == "color"


def test_images_without_folders_have_no_colors(digits_run):
    assert refused(map_colors, digits_run, None, "folder").argument == "color"


def test_what_overflows_is_refused_by_every_move(table_run):
    run = Run(table_run.path)
    with torch.no_grad():
        for weight in run.model.parameters():  # finite, but what they give is not
            weight.copy_(torch.where(weight < 0, -1e30, 1e30))
    tasks = [
        lambda: interpolate_rows(run, rows=(0, 1)),
        lambda: traverse_latents(run),
        lambda: shift_rows(run, plus=("city=Oslo",)),
        lambda: find_neighbours(run, row=0),
        lambda: list(embed(run, map="pca").pieces),
    ]
    for task in tasks:
        assert "finite" in refused(task).expected
