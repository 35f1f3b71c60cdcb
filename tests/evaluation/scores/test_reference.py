"""Scores of held-out rows: of which rows they are, and how many."""

import numpy as np
import pytest
import torch

import variate
from oracles import LinearGaussian
from variate import from_arrays
from variate.evaluation.scores.reference import reference_scores
from variate.evaluation.scores.score import false_alarms, score


@pytest.fixture(scope="module")
def model():
    torch.set_default_dtype(torch.float64)
    return LinearGaussian(dim=8, latent=3, sigma=0.7)


def test_splits_give_p_values_and_the_share_of_clean_rows_that_is_flagged(model):
    vae, data = model.vae("full"), variate.split(from_arrays(model.draw(1000).numpy()))
    reference = reference_scores(vae, data, method="combined")
    assert reference.num_rows == len(data.validation)
    assert reference.clean.shape == (len(data.test),)
    found = false_alarms(reference, 0.2)
    assert found.expected == 20 / 101
    assert found.num_rows == 100
    assert found.stderr == pytest.approx((found.expected * (1 - found.expected) * 201 / (100 * 102)) ** 0.5)
    assert abs(found.share - found.expected) <= 4 * found.stderr
    assert false_alarms(reference_scores(vae, data.test), 0.2) is None
    direct = score(vae, data, method="combined", calibration=data)
    assert torch.equal(direct.p_value, reference.clean)


def test_at_most_so_many_held_out_rows_are_kept(model, monkeypatch):
    monkeypatch.setattr("variate.evaluation.scores.reference.MOST_ROWS", 7)
    vae, data = model.vae("full"), variate.split(from_arrays(model.draw(200).numpy()))
    assert reference_scores(vae, data, method="latent").num_rows == 7
    assert reference_scores(vae, np.asarray(model.draw(50))).num_rows == 7
    assert reference_scores(vae, np.asarray(model.draw(50)), method="latent").num_rows == 7


def test_the_density_in_latent_space_is_not_fitted_to_the_rows_that_are_ranked_among(model):
    vae, x = model.vae("full"), model.draw(60)
    found = reference_scores(vae, x, method="latent")
    assert found.num_rows == 30
    means = vae.embed(x).mean
    torch.testing.assert_close(found.latent.mean, means[::2].mean(0))
    torch.testing.assert_close(found.own, -found.latent.log_prob(means[1::2]))
    data = variate.split(from_arrays(x.numpy()))
    of_splits = reference_scores(vae, data, method="latent")
    torch.testing.assert_close(of_splits.latent.mean, vae.embed(data.train).mean.mean(0))
