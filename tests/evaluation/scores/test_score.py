"""Scores of rows: p-values, methods, what is refused, and that a row's score is its own."""

import numpy as np
import pandas as pd
import pytest
import torch

import variate
from examples import table
from gaussian_gaps import linear, rows_with_gaps
from oracles import LinearGaussian
from refusals import refused
from small_models import make
from variate import Batch, from_arrays
from variate.evaluation.scores.impossible import ScorableRows
from variate.evaluation.scores.measures import measure, unseen_cells
from variate.evaluation.scores.reference import reference_scores
from variate.evaluation.scores.score import score
from variate.limits import ScoreMethod

METHODS = [m for m in ScoreMethod.__args__ if m != "complexity"]


@pytest.fixture(scope="module")
def model():
    torch.set_default_dtype(torch.float64)
    return LinearGaussian(dim=8, latent=3, sigma=0.7)


def distance_from_uniform(p_value, n):
    """The Kolmogorov-Smirnov distance of p-values from the uniform law, in units of what chance gives."""
    p, N = p_value.sort().values, len(p_value)
    largest = (torch.arange(1, N + 1) / N - p).abs().max().item()
    return largest * (N * n / (N + n)) ** 0.5


@pytest.mark.parametrize("method", METHODS)
def test_p_values_of_rows_like_the_held_out_ones_are_uniform(model, method):
    n, N = (200, 200) if method == "regret" else (500, 500)
    vae, held_out, new = model.vae("diagonal"), model.draw(2 * n, seed=5), model.draw(N, seed=6)
    held_out = held_out if method in ("latent", "combined") else held_out[:n]
    found = score(vae, new, method=method, calibration=held_out, num_samples=4)
    assert found.method == method
    assert found.p_value.min() >= 1 / (n + 1)
    assert distance_from_uniform(found.p_value, n) < 1.95  # which chance exceeds once in a thousand times


@pytest.mark.parametrize("method", METHODS)
def test_rows_unlike_the_held_out_ones_are_odd(model, method):
    vae, held_out = model.vae("diagonal"), model.draw(400, seed=5)
    new = model.draw(40, seed=6)
    odd = new + 6 * torch.randn(40, 8)
    clean, found = (score(vae, x, method=method, calibration=held_out[:200]) for x in (new, odd))
    if method != "regret":  # a perfect encoder is as right about odd rows
        assert found.p_value.median() <= 0.02
        assert found.score.median() > clean.score.median()
    assert clean.p_value.median() > 0.2


@pytest.mark.parametrize("method", METHODS)
def test_the_score_of_a_row_depends_on_the_row_alone(model, method):
    vae, x = model.vae("diagonal"), model.draw(9)
    reference = reference_scores(vae, model.draw(30, seed=3), method=method, num_samples=3)
    whole = score(vae, x, calibration=reference)
    turned = score(vae, x.flip(0), calibration=reference, batch_size=4)
    for part in ("score", "bound", "rate", "p_value", "cell_p_value"):
        torch.testing.assert_close(getattr(turned, part).flip(0), getattr(whole, part), atol=1e-9, rtol=0)


def test_the_default_is_the_bound_but_for_images_of_pixels_with_held_out_rows(model):
    for example, ranked in (("quantized-gaussian", "combined"), ("columns", "bound")):
        vae, rows = make(example)
        assert score(vae, rows).method == "bound"
        assert score(vae, rows, calibration=rows).method == reference_scores(vae, rows).settings.method == ranked
    vae, x = model.vae("full"), model.draw(5)
    found = score(vae, x)
    expected = torch.cat([variate.elbo(vae, row[None], 16).elbo for row in x])
    torch.testing.assert_close(found.bound, expected, atol=1e-9, rtol=0)
    assert torch.equal(found.score, -found.bound)
    assert found.p_value is found.cell_p_value is found.nats is found.gaps is None
    assert (found.remainder == 0).all()
    assert variate.score is score


def test_rows_of_which_nothing_is_known_cannot_be_odd():
    model = linear()
    x, mask = rows_with_gaps(model, 6)
    data = from_arrays(x.numpy(), mask=mask.numpy())
    found = score(model, data, calibration=data, attribution=True)
    assert found.is_empty.tolist() == [True, *5 * [False]]
    assert found.p_value[0] == 1
    assert found.nats[0].eq(0).all()
    assert found.cell_p_value[0].eq(1).all()


def test_a_category_that_was_never_seen_is_the_oddest_cell_of_its_column():
    vae, rows = make("columns")
    new = rows.clone()
    new[2, 1] = 3  # the code beyond the last of x, y and z
    found = score(vae, new, calibration=table())
    assert found.unseen.tolist() == [0, 0, 1, *[0] * (len(rows) - 3)]
    assert found.cell_p_value[2, 1].item() == pytest.approx(1 / (len(table()) + 1))
    assert found.score[2] > score(vae, rows).score[2]
    assert found.score.isfinite().all()
    columns = table().schema.columns
    mask = torch.ones_like(new, dtype=torch.bool)
    mask[2, 1] = False
    assert not unseen_cells(Batch(new, mask), columns).any()
    assert unseen_cells(Batch(new), columns[:1] * 4) is None


def frame(**changed):
    columns = {"bit": [0, 1] * 20, "visits": [0, 1, 9, 30] * 10, "height": np.linspace(150, 190, 40).round(1)}
    return pd.DataFrame({name: changed.get(name, values) for name, values in columns.items()})


@pytest.mark.parametrize(("column", "value"), [("bit", 2), ("bit", 0.5), ("visits", -1), ("visits", 2.5)])
def test_a_number_that_a_column_cannot_hold_is_odd_and_else_a_gap(column, value):
    ordinary = frame()
    vae = variate.build(variate.read(ordinary))
    row, number = ordinary.head(1), list(ordinary.columns).index(column)
    gap, odd = (row.astype(float).assign(**{column: own}) for own in (np.nan, value))
    without, found = (score(vae, own, calibration=ordinary, attribution=True) for own in (gap, odd))
    log_p = -np.log(len(ordinary) + 2)
    assert found.bound.item() == pytest.approx(without.bound.item() + log_p, abs=1e-6)
    assert found.nats[0, number].item() == pytest.approx(log_p, abs=1e-6)
    assert (found.nats.double().sum(1) - found.rate).item() == pytest.approx(found.bound.item(), abs=1e-5)
    assert (found.unseen.item(), without.unseen.item()) == (1, 0)
    assert found.cell_p_value[0, number].item() == pytest.approx(1 / (len(ordinary) + 1))
    assert refused(vae.embed, odd).argument.startswith(f"column '{column}'")


def test_a_row_of_nothing_but_impossible_numbers_is_not_empty():
    ordinary = frame()[["bit"]].assign(other=[0, 0, 1, 1] * 10)
    vae = variate.build(variate.read(ordinary))
    found = score(vae, ordinary.head(2) + 2, calibration=ordinary)
    assert not found.is_empty.any()
    assert found.unseen.tolist() == [2, 2]
    assert found.p_value.tolist() == [1 / 41, 1 / 41]


def test_images_have_no_columns_and_are_compared_with_a_coder():
    vae, rows = make("quantized-gaussian")
    found = score(vae, rows, method="complexity", calibration=rows, attribution=True)
    assert found.cell_p_value is None
    assert found.nats.shape == rows.shape
    from variate.evaluation.scores.complexity import coded_nats

    torch.testing.assert_close(found.score, -found.bound - coded_nats(rows))


def test_images_are_combined_with_a_coder_and_those_with_gaps_are_not_odd_to_it():
    vae, rows = make("quantized-gaussian")
    values, mask = np.asarray(rows).copy(), np.ones(rows.shape, bool)
    mask[3, 0, 2, 2] = False
    reference = reference_scores(vae, rows)
    assert reference.settings.method == "combined"
    assert reference.own.shape == (reference.num_rows, 2)
    with_gap = from_arrays(values, mask=mask)
    found = measure(vae, ScorableRows(vae.dataset(with_gap)), reference.settings, latent=reference.latent)
    assert (found.own[:, 1] == -torch.inf).tolist() == [place == 3 for place in range(len(values))]
    whole = [place for place in range(len(values)) if place != 3]
    straight = score(vae, rows, method="complexity", num_samples=reference.settings.num_samples).score
    torch.testing.assert_close(found.own[whole, 1], straight[whole])
    assert score(vae, with_gap, calibration=reference).p_value.isfinite().all()


def test_what_cannot_be_scored_is_refused(model):
    vae, x = model.vae("full"), model.draw(5)
    for method in ("typicality", "latent", "combined"):
        assert refused(score, vae, x, method=method).argument == "calibration"
    assert refused(score, vae, x, method="complexity").argument == "method"
    assert refused(score, vae, x, method="likelihood").argument == "method"
    assert refused(score, vae, x[:0]).argument == "x"
    assert refused(score, vae, x[:, :3]).argument == "x"
    reference = reference_scores(vae, x, num_samples=3)
    for other in ({"method": "importance"}, {"num_samples": 4}, {"seed": 1}):
        assert refused(score, vae, x, calibration=reference, **other).argument == "calibration"
    assert refused(reference_scores, vae, x[:1], method="latent").argument == "calibration"
    assert refused(score, vae, x, num_samples=0).argument == "num_samples"


def test_a_model_that_overflows_is_refused(model):
    vae, x = model.vae("full"), model.draw(5)
    with torch.no_grad():
        for weight in vae.parameters():
            weight.copy_(torch.where(weight < 0, -1e200, 1e200))
    error = refused(score, vae, x)
    assert error.expected == "finite numbers"
