import math

import pytest
import torch
from scipy import stats

from gaussian_gaps import linear, rows_with_gaps
from refusals import refused
from small_models import make
from variate.data.batch import Batch
from variate.evaluation.conditional.known import (
    Bounds,
    Known,
    draw_unknown,
    elements_of,
    interval_ends,
    log_prob_known,
    where_wanted,
)
from variate.runtime.random import RowStreams


def bounded(low, high):
    return Bounds(torch.tensor([low]), torch.tensor([high]))


def test_values_and_intervals_have_their_density_and_their_mass():
    model = linear(dim=3)
    z = torch.randn(6, 1, 2)
    outputs, x = model.outputs_at((z,)), torch.tensor([[0.3, 0.0, 0.0]])
    intervals = bounded([-math.inf, -0.5, 1.0], [math.inf, 0.5, math.inf])
    known = Known(Batch(x, torch.tensor([[True, False, False]])), intervals)
    mean = (z @ model.W.T).detach()[:, 0].numpy()
    inside = stats.norm.cdf(0.5, mean[:, 1], model.sigma) - stats.norm.cdf(-0.5, mean[:, 1], model.sigma)
    above = stats.norm.sf(1.0, mean[:, 2], model.sigma)
    expected = stats.norm.logpdf(0.3, mean[:, 0], model.sigma) + torch.tensor(inside * above).log().numpy()
    with torch.no_grad():
        torch.testing.assert_close(log_prob_known(model.likelihood, outputs, known)[:, 0], torch.tensor(expected))


def test_draws_lie_in_their_intervals_and_are_those_of_the_truncated_distribution():
    model = linear(dim=2)
    known = Known(Batch(torch.zeros(1, 2), torch.tensor([[False, True]])), bounded([1.0, -math.inf], [1.5, math.inf]))
    drawn = draw_unknown(model.likelihood, torch.zeros(1000, 1, 1, 2), known, RowStreams(0, [0], "test"), 4)
    assert drawn.shape == (4, 1000, 1, 2)
    drawn = drawn.flatten(0, 1)
    assert (drawn[..., 1] == 0).all()
    law = stats.truncnorm(1.0 / model.sigma, 1.5 / model.sigma, scale=model.sigma)
    assert stats.kstest(drawn[:, 0, 0].numpy(), law.cdf).pvalue > 1e-4
    assert drawn[..., 0].min() >= 1.0
    assert drawn[..., 0].max() <= 1.5


@pytest.mark.parametrize("likelihood", ["columns", "poisson", "bernoulli", "student-t"])
def test_intervals_of_every_family_are_sums_or_integrals_of_what_they_hold(likelihood):
    model, rows = make(likelihood, latent=2)
    p_x = elements_of(model.likelihood, model.outputs_at((torch.randn(3, 1, 2),)))
    low, high = torch.zeros(1, 4), torch.ones(1, 4)
    below, upto = interval_ends(p_x, Bounds(low, high))
    inside = [p_x.log_prob_or_minus_inf(torch.full((3, 1, 4), float(k))).exp() for k in (0, 1)]
    fine = torch.linspace(0, 1, 2001).reshape(-1, 1, 1, 1).expand(-1, 3, 1, 4)
    integral = torch.trapezoid(p_x.log_prob_or_minus_inf(fine).exp(), dx=1 / 2000, dim=0)
    is_whole = (rows == rows.round()).all(0)
    torch.testing.assert_close(
        upto - below, torch.where(is_whole, inside[0] + inside[1], integral), rtol=1e-5, atol=1e-6
    )


def test_the_draws_of_a_row_come_from_its_own_stream_and_nothing_else_is_drawn():
    model, rows = make("columns", latent=2)
    outputs = model.outputs_at((torch.randn(6, 5, 2),)).detach()
    known = Known(Batch(rows[:5], torch.arange(20).reshape(5, 4) % 3 > 0))
    whole = draw_unknown(model.likelihood, outputs, known, RowStreams(0, range(5), "test"), 2)
    own = known.select(torch.tensor([3]))
    alone = draw_unknown(model.likelihood, outputs[:, 3:4], own, RowStreams(0, [3], "test"), 2)
    assert torch.equal(alone, whole[:, :, 3:4])
    assert (whole == rows[:5])[..., known.mask].all()
    assert whole.std(1).max() > 0


def test_outputs_that_are_not_finite_are_refused():
    model, known = linear(), Known(Batch(torch.zeros(1, 5), torch.zeros(1, 5, dtype=torch.bool)))
    outputs = torch.full((2, 1, 1, 5), torch.nan)
    error = refused(draw_unknown, model.likelihood, outputs, known, RowStreams(0, [0], "test"))
    assert error.argument == "the decoder's outputs"


def test_families_of_which_nothing_is_wanted_are_not_computed():
    model, _ = make("columns", latent=2)
    p_x = elements_of(model.likelihood, model.outputs_at((torch.randn(3, 5, 2),)))
    asked = []

    def function(part, u):
        asked.append(part)
        return part.quantile(u)

    wanted, u = torch.zeros(5, 4, dtype=torch.bool), torch.rand(3, 5, 4)
    wanted[2, 1] = True
    found = where_wanted(function, p_x, u, wanted)
    assert len(asked) == 1
    assert torch.equal(found[..., 1], p_x.quantile(u)[..., 1])
    assert (found[..., [0, 2, 3]] == 0).all()


def test_rows_are_chosen_and_repeated_with_their_bounds():
    x, mask = rows_with_gaps(linear(), 4)
    bounds = Bounds(torch.full_like(x, -math.inf), torch.full_like(x, math.inf))
    bounds.high[3, 0] = 2.0
    known = Known(Batch(x, mask), bounds)
    assert known.has_any.tolist() == [False, True, True, True]
    assert Known(Batch(x[:1], mask[:1])).has_any.tolist() == [False]
    assert Known(Batch(x[:1])).has_any.tolist() == [True]
    twice = known.repeated(2)
    assert torch.equal(twice.batch.x, torch.cat([x, x]))
    assert torch.equal(twice.bounds.high[[3, 7], 0], torch.tensor([2.0, 2.0]))


def test_elements_that_depend_on_one_another_are_refused(monkeypatch):
    model = linear()
    outputs = model.outputs_at((torch.zeros(1, 1, 2),))
    monkeypatch.setattr(type(model.likelihood(outputs)), "num_factors", 3)
    assert refused(elements_of, model.likelihood, outputs).argument == "model"
