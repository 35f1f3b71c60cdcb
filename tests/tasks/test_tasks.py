"""What is done with a trained model: rows out of a run."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import variate
from variate.errors import InputError
from variate.runs import Run
from variate.tasks.embed import embed
from variate.tasks.reconstruct import reconstruct
from variate.tasks.sample import sample


def test_images_are_means_unless_noise_is_asked_for(digits_run):
    means, noisy = sample(digits_run, 5), sample(digits_run, 5, noise=True)
    assert means.are_means
    assert not noisy.are_means
    assert means.rows.shape == noisy.rows.shape == (5, 1, 8, 8)
    assert set(np.unique(noisy.rows)) <= set(range(17))
    assert not set(np.unique(means.rows)) <= set(range(17))
    expected = digits_run.model.sample(5, mean=True, temperature=0.5, seed=3).numpy()
    assert np.array_equal(sample(digits_run, 5, temperature=0.5, seed=3).rows, expected)


def test_rows_of_a_table_are_always_drawn(table_run):
    drawn = sample(table_run, 40)
    assert not drawn.are_means
    height, member, visits, city = drawn.rows.T
    assert set(member) <= {0, 1}
    assert set(city) <= {0, 1, 2}
    assert (visits >= 0).all()
    assert (visits == np.rint(visits)).all()
    assert len(set(height)) > 35


def test_reconstructions_are_those_of_the_model(digits_run):
    test = digits_run.splits().test
    found = reconstruct(digits_run)
    assert found.part == "test part of digits"
    assert np.array_equal(found.originals, test.x.all())
    assert np.array_equal(found.decoded, digits_run.model.reconstruct(test).numpy())
    some = reconstruct(digits_run, "digits", n=7)
    assert np.array_equal(some.originals, found.originals[:7])
    np.testing.assert_allclose(some.decoded, found.decoded[:7], rtol=1e-5, atol=1e-5)
    assert len(reconstruct(digits_run, n=1000).decoded) == 180
    with pytest.raises(InputError) as error:
        reconstruct(digits_run, n=0)
    assert error.value.argument == "n"


def test_embeddings_are_a_table_in_the_order_of_the_data(digits_run):
    mean, std = digits_run.model.embed(variate.read("digits").all_rows())
    found = embed(digits_run, std=True)
    assert found.num_rows == 1797
    (table,) = found.pieces
    assert list(table) == ["z0", "z1", "z2", "std0", "std1", "std2"]
    assert np.array_equal(np.stack(list(table.values()), 1), np.concatenate([mean, std], 1))
    (without,) = embed(digits_run).pieces
    assert list(without) == ["z0", "z1", "z2"]


def test_rows_on_disk_are_embedded_in_pieces(digits_run, tmp_path, monkeypatch):
    rows = variate.read("digits").x.all()[:250]
    np.save(tmp_path / "rows.npy", rows)
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 2 * rows.nbytes - 1)
    monkeypatch.setattr("variate.data.dataset.SAMPLE_BYTES", 64 * 100)
    found = embed(digits_run, str(tmp_path / "rows.npy"))
    pieces = [np.stack(list(piece.values()), 1) for piece in found.pieces]
    assert [len(piece) for piece in pieces] == [100, 100, 50]
    assert found.num_rows == 250
    expected = digits_run.model.embed(rows).mean.numpy()
    np.testing.assert_allclose(np.concatenate(pieces), expected, rtol=1e-5, atol=1e-6)


def test_data_are_refused_before_torch_is_loaded(digits_run, tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((10, 9, 9), dtype=np.uint8))
    code = f"""
import sys
from variate.errors import InputError
from variate.runs import Run
from variate.tasks.embed import embed
from variate.tasks.reconstruct import reconstruct
for task in (embed, reconstruct):
    try:
        task(Run({str(digits_run.path)!r}), {str(tmp_path / "other.npy")!r})
    except InputError as error:
        assert "9" in error.got, error
        continue
    raise AssertionError(task)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_model_file_alone_is_enough_to_sample(digits_run):
    run = Run(digits_run.model_file)
    assert np.array_equal(sample(run, 3).rows, sample(digits_run, 3).rows)


def test_what_overflows_is_refused_by_every_task(table_run):
    run = Run(table_run.path)
    with torch.no_grad():
        for weight in run.model.parameters():  # finite, but what they give is not
            weight.copy_(torch.where(weight < 0, -1e30, 1e30))
    tasks = {
        "samples": sample,
        "reconstructions": reconstruct,
        "latent coordinates": lambda run: list(embed(run).pieces),
    }
    for what, task in tasks.items():
        with pytest.raises(InputError) as error:
            task(run)
        assert error.value.argument == f"the {what}"
        assert "first in row 0" in error.value.got
