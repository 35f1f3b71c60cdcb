import math

import numpy as np
import pytest
import torch
from pyro.ops.stats import fit_generalized_pareto
from scipy import special, stats

from variate.evaluation.bounds.weights import WeightStatistics, pareto_khat, tail_size


def streamed(log_w, groups=(), tile=100):
    weights = WeightStatistics(log_w.shape[1], len(log_w), groups, tile)
    for part in log_w.split(tile):
        weights.add(part)
    return weights


@pytest.mark.parametrize("count", [1, 7, 100, 250, 1000])
def test_sums_are_those_of_all_weights_at_once(count):
    log_w = 30 * torch.randn(count, 4) - 500
    weights = streamed(log_w)
    assert torch.allclose(weights.log_mean, log_w.logsumexp(0) - math.log(count), rtol=1e-13)
    normalized = torch.from_numpy(special.softmax(log_w.numpy(), axis=0))
    assert torch.allclose(weights.ess, 1 / normalized.square().sum(0), rtol=1e-10)


def test_effective_sample_size_lies_between_one_and_the_number_of_draws():
    equal = streamed(torch.full((250, 1), -3.0))
    assert equal.ess.item() == pytest.approx(250)
    single = torch.full((250, 1), -1e4)
    single[17] = 0
    assert streamed(single).ess.item() == pytest.approx(1)


@pytest.mark.parametrize(("count", "k"), [(1000, 1), (1000, 10), (1000, 50), (1000, 100), (1000, 500), (930, 10)])
def test_bounds_of_groups_are_means_of_log_mean_exps(count, k):
    log_w = 3 * torch.randn(count, 5)
    whole = log_w[: count // k * k].unflatten(0, (-1, k))
    expected = (whole.logsumexp(1) - math.log(k)).mean(0)
    assert torch.allclose(streamed(log_w, (k,)).bound(k), expected, rtol=1e-12)


def test_what_is_kept_does_not_grow_with_the_draws():
    weights = WeightStatistics(2, 100_000, (1000,), 100)
    for _ in range(100):
        weights.add(torch.randn(100, 2))
    assert weights.largest.shape == (tail_size(100_000) + 1, 2)


def test_infinitely_small_weights_count_as_nothing():
    log_w = torch.randn(300, 2)
    log_w[::2] = -math.inf
    expected = log_w.logsumexp(0) - math.log(300)
    weights = streamed(log_w, (1,))
    assert torch.allclose(weights.log_mean, expected)
    assert torch.isfinite(weights.khat).all()


def test_khat_is_pyros_fit():
    # The same estimator with the same weak prior, written by others.
    log_w = torch.randn(2000, 6) * torch.tensor([0.2, 0.5, 1.0, 2.0, 3.0, 5.0])
    size = tail_size(2000)
    found = streamed(log_w).khat
    for column in range(6):
        largest = log_w[:, column].sort().values[-size - 1 :]
        scaled = (largest - largest[-1]).exp()
        theirs, _ = fit_generalized_pareto(scaled[1:] - scaled[0])
        assert found[column].item() == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_khat_recovers_the_shape_of_pareto_tails(shape):
    # 40 samples of 4,000 weights; their mean k-hat against the truth, shrunk towards 0.5 as 10 in M + 10 is.
    draws = stats.genpareto.rvs(shape, size=(4000, 40), random_state=np.random.default_rng(1))
    found = streamed(torch.from_numpy(np.log(draws))).khat
    size = tail_size(4000)
    expected = (size * shape + 5) / (size + 10)
    assert abs(found.mean().item() - expected) <= 4 * found.std().item() / math.sqrt(40)


def test_equal_weights_have_no_tail_and_few_have_none_to_tell():
    assert streamed(torch.zeros(1000, 1)).khat.item() == 0
    assert math.isnan(streamed(torch.randn(20, 1)).khat.item())
    assert pareto_khat(torch.tensor([[0.0], [-1.0], [-2.0]])).isnan().all()
