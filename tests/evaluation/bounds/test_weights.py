import math

import numpy as np
import pytest
import torch
from pyro.ops.stats import fit_generalized_pareto
from scipy import integrate, special, stats

from variate.evaluation.bounds.weights import UNRELIABLE, WeightStatistics, fit_tail, flagged_excess, tail_size


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
    assert torch.isfinite(weights.tail().shape).all()
    assert torch.isfinite(weights.noise(weights.tail())).all()


def test_khat_is_pyros_fit():
    # The same estimator with the same weak prior, written by others.
    log_w = torch.randn(2000, 6) * torch.tensor([0.2, 0.5, 1.0, 2.0, 3.0, 5.0])
    size = tail_size(2000)
    found = streamed(log_w).tail().shape
    for column in range(6):
        largest = log_w[:, column].sort().values[-size - 1 :]
        scaled = (largest - largest[-1]).exp()
        theirs, _ = fit_generalized_pareto(scaled[1:] - scaled[0])
        assert found[column].item() == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_khat_recovers_the_shape_of_pareto_tails(shape):
    # 40 samples of 4,000 weights; their mean k-hat against the truth, shrunk towards 0.5 as 10 in M + 10 is.
    draws = stats.genpareto.rvs(shape, size=(4000, 40), random_state=np.random.default_rng(1))
    found = streamed(torch.from_numpy(np.log(draws))).tail().shape
    size = tail_size(4000)
    expected = (size * shape + 5) / (size + 10)
    assert abs(found.mean().item() - expected) <= 4 * found.std().item() / math.sqrt(40)


def test_equal_weights_have_no_tail_and_few_have_none_to_tell():
    equal = streamed(torch.zeros(1000, 1))
    assert equal.tail().shape.item() == 0
    assert equal.noise(equal.tail()).item() == 0
    assert streamed(torch.randn(20, 1)).tail().shape.isnan().all()
    assert fit_tail(torch.tensor([[0.0], [-1.0], [-2.0]])).shape.isnan().all()


def noise_of(log_w):
    weights = streamed(log_w)
    return weights.noise(weights.tail())


def test_noise_of_almost_equal_weights_is_that_of_the_delta_method():
    log_w = 0.01 * torch.randn(5000, 3)
    weights = streamed(log_w)
    delta = (1 / weights.ess - 1 / 5000).sqrt()
    assert torch.allclose(noise_of(log_w), delta, rtol=0.01)


def test_noise_is_the_deviation_of_one_weights_influence_under_the_fitted_tail():
    # The same by adaptive quadrature over SciPy's generalised Pareto distribution.
    log_w = 0.3 * stats.chi2.rvs(2, size=(1000, 2), random_state=np.random.default_rng(3))
    found = noise_of(torch.from_numpy(log_w))
    size = tail_size(1000)
    for column in range(2):
        w = np.sort(np.exp(log_w[:, column]))
        tail = fit_tail(torch.from_numpy(np.log(w[: -size - 2 : -1].copy()))[:, None])
        law = stats.genpareto(tail.shape.item(), loc=tail.start.item() * w[-1], scale=tail.scale.item() * w[-1])

        def power_of_influence(t, power, law=law, w=w):
            return np.log1p((law.isf(np.exp(-t)) - w.mean()) / w.sum()) ** power * np.exp(-t)

        first, second = (integrate.quad(power_of_influence, 0, 200, (power,), limit=500)[0] for power in (1, 2))
        below = (w[:-size] - w.mean()) / w.sum()
        variance = (below**2).sum() + size * second - (below.sum() + size * first) ** 2 / 1000
        assert found[column].item() == pytest.approx(math.sqrt(variance), rel=1e-3)


def with_shapes(shapes, num_samples, repeats, seed):
    """Log-weights (num_samples, repeats * len(shapes)) with Pareto tails of these shapes, exactly: k times Exp(1)."""
    draws = torch.empty(num_samples, repeats, len(shapes))
    draws.exponential_(generator=torch.Generator().manual_seed(seed))
    return (torch.tensor(shapes) * draws).flatten(1)


SHAPES = {100: (0.1, 0.3, 0.5, 0.6), 1000: (0.1, 0.3, 0.5, 0.6, 0.7)}


@pytest.mark.parametrize(("num_samples", "shape"), [(K, shape) for K, shapes in SHAPES.items() for shape in shapes])
def test_noise_of_rows_that_are_not_flagged_covers_what_repeated_draws_do(num_samples, shape):
    # E IW_K is the mean over repeats. At most a tenth above what is told, within 4 standard errors.
    weights = streamed(with_shapes([shape], num_samples, 1000, seed=4))
    tail = weights.tail()
    sound = tail.shape <= UNRELIABLE
    squares = (weights.log_mean - weights.log_mean.mean())[sound].square()
    told = weights.noise(tail)[sound].square().mean()
    assert squares.mean() - 4 * squares.std() / math.sqrt(len(squares)) <= 1.1**2 * told
    assert squares.mean() >= 0.4 * told  # nor is it far too large


@pytest.mark.parametrize("shapes", [(0.3,), (0.5,), (0.6,), (0.7,), (0.2, 0.4, 0.6, 0.8)])
def test_noise_of_the_mean_covers_that_rows_are_flagged_by_their_own_draws(shapes):
    # 40 repeats of 60 rows: the mean over the rows that are not flagged against its expectation.
    rows, repeats, num_samples = 60, 40, 500
    weights = streamed(with_shapes(shapes, num_samples, repeats * rows // len(shapes), seed=5))
    tail = weights.tail()
    noise = weights.noise(tail)
    khat, noise, bound = (t.reshape(repeats, rows) for t in (tail.shape, noise, weights.log_mean))
    kinds = bound.reshape(-1, len(shapes)).mean(0).repeat(rows // len(shapes))
    sound = khat <= UNRELIABLE
    count = sound.sum(1)
    error = torch.where(sound, bound - kinds, 0).sum(1) / count
    naive = torch.where(sound, noise, 0).square().sum(1).sqrt() / count
    excess = flagged_excess(khat.flatten(), noise.flatten(), num_samples).reshape(repeats, rows).sum(1) / count
    told = torch.hypot(naive, excess)
    assert (error.abs() <= 2 * told).double().mean() >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)
    if max(shapes) >= 0.6:
        assert (error.abs() <= 2 * naive).double().mean() < 0.8  # so the term is needed


def test_excess_is_all_of_the_noise_at_the_limit_and_nothing_far_above_it():
    khat = torch.tensor([0.2, UNRELIABLE, 0.7 + 1e-9, 0.8, 1.5, math.nan])
    found = flagged_excess(khat, torch.full((6,), 2.0), 1000)
    assert found[:2].tolist() == [0, 0]
    assert found[2].item() == pytest.approx(2, abs=1e-6)
    assert 0.5 < found[3] < 1.5
    assert found[4] < 0.05
    assert found[5] == 0


@pytest.mark.parametrize("scale", [0.5, 5, 50, 500])
def test_noise_and_excess_are_numbers_however_heavy_the_tail_is(scale):
    log_w = scale * torch.from_numpy(np.random.default_rng(0).exponential(size=(1000, 8)))
    weights = WeightStatistics(8, 1000, (), 1000)
    weights.add(log_w)
    tail = weights.tail()
    noise = weights.noise(tail)
    assert noise.isfinite().all()
    assert flagged_excess(tail.shape, noise, 1000).isfinite().all()
