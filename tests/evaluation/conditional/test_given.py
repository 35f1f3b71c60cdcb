"""Rows that meet conditions against truncated normals, exact conditionals and enumeration."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from conditional_linear import ConditionalLinear
from gaussian_gaps import Hopeless, covariance, linear
from refusals import refused
from small_models import make
from variate.evaluation.conditional.given import Asked, Demand, draw_given

N = 2000


def demand(place, low, high=None):
    return Demand(f"condition {place}", place, low, low if high is None else high)


@pytest.mark.parametrize("kind", [ConditionalLinear, Hopeless])
@pytest.mark.parametrize(("low", "high"), [(0.5, 1.0), (1.5, math.inf), (-math.inf, -1.0)])
def test_an_interval_gives_the_truncated_normal_and_what_follows_from_it(kind, low, high):
    model = linear(kind)
    C = covariance(model)
    std = float(C[0, 0].sqrt())
    found = draw_given(model, Asked([demand(0, low, high)]), N, 40_000, seed=0)
    law = stats.truncnorm(low / std, high / std, scale=std)
    assert stats.kstest(found.rows[:, 0].numpy(), law.cdf).pvalue > 1e-4
    share = stats.norm.cdf(high / std) - stats.norm.cdf(low / std)
    assert abs(math.exp(found.log_prob) / share - 1) < 5 / found.ess**0.5
    slope = C[1:, 0] / C[0, 0]
    variance = C[1:, 1:].diagonal() - slope * C[0, 1:] + slope.square() * law.var()
    error = (found.rows[:, 1:].mean(0) - slope * law.mean()) / (variance * (1 / N + 1 / found.ess)).sqrt()
    assert error.abs().max() < 5


def test_values_and_intervals_together():
    model = linear()
    C = covariance(model)
    found = draw_given(model, Asked([demand(1, 0.8), demand(3, -1.0, 0.5)]), N, 40_000, seed=1)
    assert (found.rows[:, 1] == 0.8).all()
    slope = C[[0, 2, 3, 4], 1] / C[1, 1]
    rest = C[[0, 2, 3, 4]][:, [0, 2, 3, 4]] - torch.outer(slope, slope) * C[1, 1]
    mean, std = float(0.8 * slope[2]), float(rest[2, 2].sqrt())
    law = stats.truncnorm((-1.0 - mean) / std, (0.5 - mean) / std, loc=mean, scale=std)
    assert stats.kstest(found.rows[:, 3].numpy(), law.cdf).pvalue > 1e-4
    expected = stats.norm.logpdf(0.8, scale=float(C[1, 1].sqrt()))
    expected += math.log(stats.norm.cdf((0.5 - mean) / std) - stats.norm.cdf((-1.0 - mean) / std))
    assert abs(found.log_prob - expected) < 5 / found.ess**0.5


def test_conditions_on_columns_of_every_kind_as_quadrature_says():
    model, _ = make("columns", latent=1)  # a real column, a category, a count and a bit
    with torch.no_grad():
        for parameter in model.decoder.network.parameters():
            parameter.mul_(3)
        grid = torch.linspace(-6, 6, 2401)
        p_x = model.likelihood(model.outputs_at((grid.reshape(-1, 1, 1),))).factor(0)
        log_p = -(grid.unsqueeze(1) ** 2) / 2
        x = torch.tensor([[0.0, 1.0, 2.0, 0.0]])
        log_p = log_p + p_x.log_prob_or_minus_inf(x)[..., 1]
        log_p = log_p + (p_x.cdf(x + 3)[..., 2] - p_x.cdf_below(x)[..., 2]).log()
        p_z = log_p.softmax(0)
    found = draw_given(model, Asked([demand(1, 1.0), demand(2, 2.0, 5.0)]), N, 20_000, seed=0)
    assert (found.rows[:, 1] == 1).all()
    assert set(found.rows[:, 2].tolist()) <= {2.0, 3.0, 4.0, 5.0}
    for count in (2.0, 3.0, 4.0, 5.0):
        inside = p_x.log_prob_or_minus_inf(torch.full((1, 4), count)).exp()[..., 2] / (
            p_x.cdf(x + 3)[..., 2] - p_x.cdf_below(x)[..., 2]
        )
        share = float((p_z * inside).sum())
        assert abs(float((found.rows[:, 2] == count).double().mean()) - share) < 5 * (share / N) ** 0.5
    bit = float((p_z * p_x.mean[..., 3]).sum())
    assert abs(float(found.rows[:, 3].mean()) - bit) < 5 * (0.25 / N + 0.25 / found.ess) ** 0.5


def test_rows_with_few_effective_draws_are_moved_by_chains_and_differ():
    model = linear(Hopeless)
    found = draw_given(model, Asked([demand(place, 0.5, 0.7) for place in range(2)]), 400, 600, seed=0)
    assert found.is_chained
    assert found.ess < 400
    C = covariance(model)
    source = np.random.default_rng(0)
    x = source.multivariate_normal(np.zeros(5), C.numpy(), size=1_000_000)
    kept = x[((x[:, :2] >= 0.5) & (x[:, :2] <= 0.7)).all(1), 4]
    assert len(kept) > 50
    error = float(found.rows[:, 4].mean()) - kept.mean()
    assert abs(error) < 5 * kept.std() * (1 / len(kept) + 1 / 400 + 1 / found.ess) ** 0.5
    assert len(found.rows[:, 4].unique()) == 400


def test_rows_follow_the_seed_and_not_the_batch_size():
    model = linear()
    conditions = [demand(0, 0.5, 1.0), demand(2, 0.1)]
    found = draw_given(model, Asked(conditions), 30, 2_000, seed=0)
    again = draw_given(model, Asked(conditions), 30, 2_000, seed=0, batch_size=17)
    torch.testing.assert_close(again.rows, found.rows)
    torch.testing.assert_close(again.ess, found.ess)
    assert not torch.equal(draw_given(model, Asked(conditions), 30, 2_000, seed=1).rows, found.rows)


def test_a_condition_that_no_row_meets_is_refused_by_name():
    error = refused(draw_given, linear(), Asked([demand(0, 0.0, 1.0), demand(1, 100.0)]), 10, 1000, seed=0)
    assert error.argument == "given"
    assert "condition 1" in error.got
    assert "1e+12" in error.got
    assert "condition 2" in refused(draw_given, linear(), Asked([demand(2, 50.0, 51.0)]), 10, 1000, seed=0).got


def test_conditions_that_do_not_go_together_are_refused_with_the_one_to_blame():
    model = ConditionalLinear(5, 1, context=0, sigma=0.05)  # all columns follow one latent
    w = model.W.detach()[:, 0].tolist()
    fitting = [demand(0, w[0]), demand(1, w[1] - 0.1, w[1] + 0.1)]
    assert len(draw_given(model, Asked(fitting), 10, 5_000, seed=0).rows) == 10
    error = refused(draw_given, model, Asked([fitting[0], demand(2, -1.5 * w[2]), fitting[1]]), 10, 5_000, seed=0)
    assert error.argument == "given"
    assert "condition 2 goes least" in error.got
    assert "num_samples" in error.remedy


def test_memory_is_required_before_rows_are_drawn(monkeypatch):
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 10**6)
    assert refused(draw_given, linear(), Asked([demand(0, 0.5)]), 10**9, 1000, seed=0).argument == "n"
