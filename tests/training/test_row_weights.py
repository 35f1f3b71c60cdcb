import math

import numpy as np
import pytest
import torch

import variate
from examples import rng
from oracles import LinearGaussian
from refusals import refused
from small_models import make
from variate import Batch, ModelOptions
from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.storage.in_memory import InMemory
from variate.runtime.distributed import Processes
from variate.training.row_weights import with_mean_one
from variate.training.trainer import Loss
from variate.training.validation import validate

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")

SHORT = {"epochs": 2, "batch_size": 20, "ema": 0.0, "compile": "off", "precision": "float32"}


def dataset(rows, weights):
    return Dataset(InMemory(np.asarray(rows)), Schema("real", (rows.shape[1],)), weight=InMemory(np.asarray(weights)))


@pytest.mark.parametrize("objective", [{}, {"free_bits": 0.3}, {"bound": "iwae", "samples": 2}])
def test_weighted_rows_count_as_their_copies(objective):
    rows = torch.randn(40, 5)
    weights = torch.where(torch.arange(40) < 20, 2.0, 1.0) * 40 / 60
    noise = torch.randn(objective.get("samples", 1), 40, 2)
    options = variate.TrainingOptions(**objective)
    gradients, means = [], []
    for index, weight in ((torch.cat([torch.arange(40), torch.arange(20)]), None), (torch.arange(40), weights)):
        vae = variate.build(rows, ModelOptions(latent=2, width=8, depth=1), seed=3)
        loss, found = Loss(vae, options, Processes()).of(
            Batch(rows[index], weight=weight), (noise[:, index],), torch.ones(())
        )
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in vae.parameters() if p.grad is not None]))
        means.append(found)
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(*means)


def best_linear(x, weights, latent):
    """Probabilistic PCA of weighted rows (Tipping & Bishop, 1999), and its weighted mean log-likelihood."""
    w = weights / weights.sum()
    mean = w @ x
    eigenvalues, vectors = torch.linalg.eigh((x - mean).T * w @ (x - mean))
    noise = eigenvalues[:-latent].mean()
    W = vectors[:, -latent:] * (eigenvalues[-latent:] - noise).sqrt()
    return torch.distributions.MultivariateNormal(mean, W @ W.T + noise * torch.eye(x.shape[1]))


def test_a_linear_vae_reaches_the_likelihood_of_probabilistic_pca_of_the_weighted_rows():
    dim, latent, n = 6, 2, 300
    x = LinearGaussian(dim=dim, latent=latent, sigma=0.5, seed=3).draw(n)
    weights = (x[:, 0] - x[:, 0].mean()).exp()
    best = weights @ best_linear(x, weights, latent).log_prob(x) / weights.sum()
    unweighted = weights @ best_linear(x, torch.ones(n), latent).log_prob(x) / weights.sum()
    assert best - unweighted > 0.3

    options = ModelOptions(latent=latent, depth=0, posterior="full", scale="shared", likelihood="gaussian")
    vae = variate.build(x, options)
    vae.likelihood.unit.fill_(float(x.std()))  # one sigma in the data's units needs one unit for all dimensions
    fitting = {"epochs": 800, "batch_size": n, "lr": 3e-2, "precision": "float32", "compile": "off", "patience": 0}
    variate.fit(vae, dataset(x, weights), samples=2, **fitting)
    reached = weights @ variate.elbo(vae, x, num_samples=200).elbo / weights.sum()
    assert best - 0.02 < reached < best + 0.005


def test_the_unit_of_the_weights_does_not_matter():
    rows, weights = rng().normal(size=(60, 4)), np.random.default_rng(1).random(60)
    trained = []
    for unit in (1.0, 1e-300, 2.0**40):
        vae = variate.build(rows, ModelOptions(latent=2, width=8, depth=1))
        history = variate.fit(vae, dataset(rows, unit * weights), dataset(rows, unit * weights), **SHORT)
        trained.append((history.best_bound, torch.cat([p.detach().flatten() for p in vae.parameters()])))
    for bound, vector in trained[1:]:
        assert bound == pytest.approx(trained[0][0], rel=1e-9)
        torch.testing.assert_close(vector, trained[0][1], rtol=1e-6, atol=1e-9)


def test_the_validation_bound_is_the_weighted_mean_of_the_rows_bounds():
    vae, rows = make()
    weights = np.random.default_rng(1).random(len(rows))
    per_row = [
        validate(vae, dataset(rows, len(rows) * row), 0, Processes(), 3) for row in np.eye(len(rows))
    ]  # the same draws each time, of which all but one row's count nothing
    found = validate(vae, with_mean_one(dataset(rows, 7 * weights), vae), 0, Processes(), 3)
    for name in ("elbo", "rate", "iwae"):
        values = [record[name] for record in per_row]
        assert found[name] == pytest.approx(np.average(values, weights=weights))
        assert found[name] != pytest.approx(np.mean(values), rel=1e-4)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_weights_that_are_none_are_refused(value):
    vae, rows = make()
    weights = np.ones(len(rows))
    weights[3] = value
    assert refused(variate.fit, vae, dataset(rows, weights), **SHORT).argument == "weight"
    assert refused(variate.fit, vae, rows, dataset(rows, weights), **SHORT).argument == "weight"


def test_weights_that_are_all_zero_are_refused():
    vae, rows = make()
    assert "zero" in refused(variate.fit, vae, dataset(rows, np.zeros(len(rows))), **SHORT).got


def test_an_optimal_sigma_takes_no_weights():
    vae, rows = make(scale="optimal")
    assert refused(variate.fit, vae, dataset(rows, np.ones(len(rows))), **SHORT).argument == "scale"
