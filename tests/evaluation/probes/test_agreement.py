"""Agreement of embeddings: of the same ones rotated, and of independent ones."""

import math

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate.evaluation.probes.agreement import agreement, agreement_of, linear_cka, nearest_rows, overlap


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rotation(size, seed=9):
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def test_rotated_scaled_and_shifted_embeddings_agree_entirely():
    x = normal(200, 5) * torch.arange(1, 6)
    found = agreement([x, 3 * x @ rotation(5) + 7, -x])
    assert found.cka.mean == pytest.approx(1, abs=1e-10)
    assert found.cka.std == pytest.approx(0, abs=1e-10)
    assert found.overlap == (1, 0, 3)
    assert found.cka.number == 3


def test_cka_is_that_of_the_kernels():
    x, y = normal(40, 3), normal(40, 6, seed=1)
    y[:, :3] += x
    center = torch.eye(40) - 1 / 40
    k, m = (center @ z @ z.T @ center for z in (x, y))
    assert linear_cka(x, y) == pytest.approx(((k * m).sum() / (k.norm() * m.norm())).item())
    assert 0.1 < linear_cka(x, y) < 0.9


def test_independent_embeddings_agree_as_much_as_chance_has_it():
    n, p, q = 400, 4, 8
    found = [agreement([normal(n, p, seed=2 * s), normal(n, q, seed=2 * s + 1)]) for s in range(30)]
    cka, shared = (torch.tensor([getattr(one, name).mean for one in found]) for name in ("cka", "overlap"))
    expected = math.sqrt(p * q / ((n + p) * (n + q)))
    assert abs(cka.mean() - expected) < 4 * cka.std() / math.sqrt(30) + 0.02 * expected  # a ratio of means is biased
    assert abs(shared.mean() - found[0].chance) < 4 * shared.std() / math.sqrt(30)
    assert found[0].chance == 10 / 399


def test_neighbours_are_the_nearest_other_rows():
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0]], dtype=torch.float64)
    assert nearest_rows(x, 1).tolist() == [[1], [0], [1], [2]]
    assert overlap(nearest_rows(x, 2), nearest_rows(x, 2).flip(1)) == 1
    assert overlap(torch.tensor([[1, 2]]), torch.tensor([[2, 3]])) == 0.5


def test_a_constant_embedding_has_no_cka_and_other_rows_are_refused():
    assert np.isnan(linear_cka(torch.ones(5, 2), normal(5, 2)))
    for embeddings in ([normal(5, 2)], [normal(5, 2), normal(6, 2)], [normal(2, 2), normal(2, 2)]):
        assert refused(agreement, embeddings).argument == "embeddings"


def test_of_models_the_means_are_compared_and_of_too_few_rows_nothing_is():
    torch.set_default_dtype(torch.float32)
    rows = normal(60, 4).float().numpy()
    model, other = (variate.build(rows, variate.ModelOptions(latent=2, width=8, depth=1), seed=seed) for seed in (0, 1))
    found = agreement_of([model, other], rows, num_rows=50, seed=3)
    assert found.num_rows == 50
    assert found.cka.number == 1
    assert agreement_of([model, model], rows).cka.mean == pytest.approx(1)
    assert agreement_of([model, other], rows[:2]) is None
    assert refused(agreement_of, [model], rows).argument == "models"
