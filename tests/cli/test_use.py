"""`variate sample`, `reconstruct` and `embed`: what they write."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import variate


def size(path):
    with Image.open(path) as picture:
        return picture.size


def test_sample_writes_pictures_and_arrays_and_repeats_by_seed(digits_run, variate_command, tmp_path):
    code, out, _ = variate_command("sample", digits_run.path, "-n", 9)
    assert code == 0
    assert "wrote 9 samples to samples.png" in out
    assert "--noise" in out
    assert size(tmp_path / "samples.png") == (3 * 66 + 2, 3 * 66 + 2)
    for name in ("a.npy", "b.npy"):
        assert variate_command("sample", digits_run.path, "-n", 5, "--noise", "--out", name)[0] == 0
    a, b = np.load("a.npy"), np.load("b.npy")
    assert a.shape == (5, 1, 8, 8)
    assert (a == b).all()
    assert set(np.unique(a)) <= set(range(17))


@pytest.mark.parametrize(("condition", "as_drawn"), [("gross=30..50", "'gross'"), ("letter=b", None)])
def test_sample_names_the_columns_that_conditions_keep_from_being_computed(
    orders_run, variate_command, condition, as_drawn
):
    code, out, _ = variate_command("sample", orders_run.path, "-n", 5, "--given", condition)
    assert code == 0
    found = [line for line in out.splitlines() if line.startswith("because of the conditions")]
    assert [line.rpartition(": ")[2] for line in found] == ([as_drawn] if as_drawn else [])


def test_reconstruct_writes_a_picture_and_numbers(digits_run, variate_command, tmp_path):
    code, out, _ = variate_command("reconstruct", digits_run.path)
    assert code == 0
    assert "wrote 48 reconstructions of test part of digits to reconstructions.png" in out
    assert size(tmp_path / "reconstructions.png") == (12 * 66 + 2, 8 * 66 + 2)
    assert variate_command("reconstruct", digits_run.path, "--out", "r.npy")[0] == 0
    expected = digits_run.model.reconstruct(digits_run.splits().test).numpy()
    np.testing.assert_allclose(np.load("r.npy"), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("command", ["sample", "reconstruct", "embed"])
def test_ctrl_c_while_a_file_is_written_leaves_nothing(digits_run, variate_command, monkeypatch, tmp_path, command):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("variate.data.writers._write_arrow_pieces", interrupted)
    assert variate_command(command, digits_run.path, "--out", "new.csv") == (130, "", "variate: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_is_refused_by_every_command(table_run, variate_command, tmp_path):
    run = variate.Run(table_run.path)
    with torch.no_grad():
        for weight in run.model.parameters():  # finite, but what they give is not
            weight.copy_(torch.where(weight < 0, -1e30, 1e30))
    run.model.save(tmp_path / "model.safetensors")
    for command in ("sample", "reconstruct", "embed", "evaluate", "doctor", "score"):
        code, out, err = variate_command(command, "model.safetensors")
        assert (code, out) == (2, ""), err
        assert "finite numbers" in err
        assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_embed_writes_every_row_in_order(digits_run, variate_command):
    mean, std = digits_run.model.embed(variate.read("digits").all_rows())
    expected = torch.cat([mean, std], 1).numpy()
    for name in ("e.parquet", "e.csv", "e.npy"):
        code, out, _ = variate_command("embed", digits_run.path, "--out", name, "--std")
        assert code == 0
        assert f"wrote 1,797 rows of 3 latents to {name}, in the order of the data" in out
    found = pq.read_table("e.parquet")
    assert found.column_names == ["z0", "z1", "z2", "std0", "std1", "std2"]
    np.testing.assert_array_equal(np.stack([c.to_numpy() for c in found.columns], 1), expected)
    np.testing.assert_array_equal(np.load("e.npy"), expected)
    np.testing.assert_allclose(np.loadtxt("e.csv", delimiter=",", skiprows=1), expected, rtol=1e-6)
    assert variate_command("embed", digits_run.path)[0] == 0
    assert pq.read_table("embeddings.parquet").column_names == ["z0", "z1", "z2"]
