import math

import numpy as np
import pytest
import torch

from refusals import refused
from variate import Column, InputError
from variate.likelihoods.quantile_logistic import QuantileLogisticColumns

RNG = np.random.default_rng(0)
TABLE = (
    Column("price", "real", step=0.01, low=0, high=100),
    Column("visits", "counts", step=1, low=0, high=60),
    Column("height", "real"),
    Column("toll", "real", low=0, high=50, atoms=(0.0,)),
)


def table(n=400):
    toll = np.where(RNG.random(n) < 0.9, 0, RNG.uniform(1, 50, n))
    columns = [np.round(RNG.uniform(5, 80, n), 2), RNG.poisson(4, n), RNG.normal(170, 10, n), toll]
    return torch.as_tensor(np.stack(columns, 1))


def fitted(columns=TABLE, **options):
    likelihood = QuantileLogisticColumns(columns, **options)
    likelihood.fit_scaling(table()[:, : len(columns)])
    return likelihood


@pytest.mark.parametrize(("scale", "outputs"), [("conditional", 3), ("dimension", 2), ("shared", 2)])
@pytest.mark.parametrize("mixtures", [1, 4])
def test_outputs_for_each_scale(scale, outputs, mixtures):
    likelihood = fitted(mixtures=mixtures, scale=scale)
    assert likelihood.out_shape == (mixtures * outputs, 4)
    p_x = likelihood(torch.randn(7, *likelihood.out_shape))
    rows = table(7)
    assert p_x.log_prob(rows).shape == (7,)
    assert p_x.log_prob(rows).isfinite().all()


def test_it_starts_near_the_frequencies_of_the_columns():
    likelihood, rows = fitted(), table()
    p_x = likelihood(torch.zeros(1, *likelihood.out_shape))
    without = likelihood.quantiles().locate(rows).log_share
    assert ((p_x.log_prob_elements(rows) - without).mean(0).abs() < 0.2).all()


def test_it_is_a_mass_if_every_column_has_a_grid():
    assert fitted(TABLE[:2]).is_mass
    assert not fitted().is_mass
    outputs = torch.randn(3, *fitted(TABLE[:2]).out_shape)
    assert (fitted(TABLE[:2])(outputs).log_prob(table(3)[:, :2]) < 0).all()


def test_unobserved_numbers_do_not_count():
    likelihood, rows = fitted(), table(5)
    p_x = likelihood(torch.randn(5, *likelihood.out_shape))
    mask = torch.rand(5, 4) < 0.5
    elements = p_x.log_prob_elements(rows)
    hidden = torch.where(mask, rows, torch.nan)
    torch.testing.assert_close(p_x.log_prob(hidden, mask), torch.where(mask, elements, 0).sum(-1))


def test_ranges_are_those_of_the_columns_and_where_unknown_of_the_rows():
    likelihood, rows = fitted(), table()
    likelihood.fit_scaling(rows)
    assert likelihood.quantiles.low.tolist() == [0, 0, rows[:, 2].min(), 0]
    assert likelihood.quantiles.high.tolist() == [100, 60, rows[:, 2].max(), 50]
    torch.testing.assert_close(likelihood.log_outside, torch.full((4,), -math.log(402), dtype=torch.float64))


def test_wider_scales_spread_draws():
    likelihood = fitted(TABLE[:1])
    outputs = torch.zeros(1, *likelihood.out_shape)
    narrow, wide = likelihood.rescaled(math.log(0.2))(outputs), likelihood.rescaled(math.log(5))(outputs)
    assert narrow.variance < likelihood(outputs).variance < wide.variance


def test_columns_whose_scale_is_at_its_floor():
    likelihood = fitted(scale="dimension", mixtures=2)
    assert not likelihood.floored().any()
    with torch.no_grad():
        likelihood.scale.raw[1, 2] = -20
    assert likelihood.floored().tolist() == [False, False, True, False]
    assert fitted().floored() is None


def test_rows_that_are_no_numbers_are_refused():
    for rows in (torch.tensor([[1, 2, 3, 4]]), torch.tensor([[1.0, 2.0, torch.nan, 0.0]])):
        assert refused(fitted().check, rows).argument == "x"
    with pytest.raises(InputError):
        QuantileLogisticColumns(TABLE, mixtures=0)
    assert refused(QuantileLogisticColumns, TABLE, scale="fixed").argument == "scale"


def test_a_saved_likelihood_gives_the_same_numbers():
    likelihood, other = fitted(), QuantileLogisticColumns(TABLE)
    other.load_state_dict(likelihood.state_dict())
    outputs, rows = torch.randn(6, *likelihood.out_shape), table(6)
    assert torch.equal(likelihood.log_prob(outputs, rows), other.log_prob(outputs, rows))
