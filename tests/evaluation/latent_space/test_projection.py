"""Maps in two dimensions."""

import sys
import types

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from refusals import refused
from variate.evaluation.latent_space import projection
from variate.evaluation.latent_space.projection import Sums, principal_plane, umap_coordinates

X = np.random.default_rng(0).normal(size=(200, 5)) @ np.diag([3.0, 0.1, 2.0, 1.0, 0.5]) + 100


def plane_of(x, pieces=1):
    parts = torch.from_numpy(x).chunk(pieces)
    sums = Sums.start(parts[0])
    for part in parts:
        sums = sums.add(part)
    return principal_plane(sums)


@pytest.mark.parametrize("pieces", [1, 7])
def test_the_plane_is_that_of_principal_components(pieces):
    found = plane_of(X, pieces)
    exact = PCA(2).fit(X)
    signs = np.sign((found.axes.numpy() * exact.components_.T).sum(0))
    np.testing.assert_allclose(found.coordinates(torch.from_numpy(X)), exact.transform(X) * signs, atol=1e-9)
    np.testing.assert_allclose(found.share, exact.explained_variance_ratio_)
    largest = found.axes.abs().argmax(0)
    assert (found.axes[largest, torch.arange(2)] > 0).all()


def test_turning_the_data_round_turns_the_map_round():
    one, other = plane_of(X), plane_of(-X)
    torch.testing.assert_close(one.axes, other.axes)
    torch.testing.assert_close(one.coordinates(torch.from_numpy(X)), -other.coordinates(torch.from_numpy(-X)))


def test_one_latent_has_a_map_without_height():
    x = X[:, :1]
    found = plane_of(x).coordinates(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found[:, 0], x[:, 0] - x.mean())
    assert not found[:, 1].any()


def test_rows_that_are_all_the_same_lie_at_the_origin():
    found = plane_of(np.ones((4, 3)))
    assert not found.coordinates(torch.ones(4, 3)).any()
    assert not found.share.any()


def test_umap_is_asked_for_two_dimensions_with_the_seed(monkeypatch):
    made = {}

    class UMAP:
        def __init__(self, **options):
            made.update(options)

        def fit_transform(self, x):
            return x[:, :2].astype(np.float32)

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    found = umap_coordinates(torch.from_numpy(X), 7)
    assert found.shape == (200, 2)
    assert found.dtype == torch.float64
    assert (made["n_components"], made["random_state"]) == (2, 7)


def test_without_umap_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    error = refused(projection.require_umap)
    assert error.argument == "map"
    assert "pip install" in error.remedy
