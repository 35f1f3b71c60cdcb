import dataclasses
import math

import pytest
import torch
from scipy import special, stats

from variate.config.schema import Column
from variate.errors import InputError
from variate.likelihoods import Columns

N = 60
COLUMNS = (
    Column("age", "real"),
    Column("city", "categorical", ("a", "b", "c")),
    Column("visits", "counts"),
    Column("member", "binary"),
    Column("height", "real"),
    Column("pet", "categorical", ("cat", "dog")),
)


@pytest.fixture
def x():
    columns = [
        40 + 12 * torch.randn(N),
        torch.randint(0, 3, (N,)).double(),
        torch.poisson(torch.full((N,), 4.0)),
        torch.randint(0, 2, (N,)).double(),
        1.7 + 0.1 * torch.randn(N),
        torch.randint(0, 2, (N,)).double(),
    ]
    return torch.stack(columns, -1)


def test_log_probability_is_the_sum_of_the_columns_by_scipy(x):
    likelihood = Columns(COLUMNS, counts="poisson")
    likelihood.fit_scaling(x)
    assert likelihood.out_shape == (2 + 1 + 1 + 3 + 2,)
    outputs = torch.randn(N, 9)
    reals, bit, count, city, pet = outputs.split([2, 1, 1, 3, 2], -1)
    total = torch.zeros(N)
    for column, loc in ((0, reals[:, 0]), (4, reals[:, 1])):
        mean, std = x[:, column].mean(), x[:, column].std(correction=0)
        total += torch.from_numpy(stats.norm((mean + std * loc).numpy(), std.item()).logpdf(x[:, column]))
    mean = (x[:, 3].sum() + 0.5) / (N + 1)
    total += torch.from_numpy(stats.bernoulli(special.expit((bit[:, 0] + mean.logit()).numpy())).logpmf(x[:, 3]))
    rate = (x[:, 2].mean() + 0.5 / N) * count[:, 0].exp()
    total += torch.from_numpy(stats.poisson(rate.numpy()).logpmf(x[:, 2]))
    for column, logits, size in ((1, city, 3), (5, pet, 2)):
        code = x[:, column].long()
        frequency = torch.bincount(code, minlength=size) + 0.5
        total += (logits + frequency.log()).log_softmax(-1).gather(-1, code[:, None])[:, 0]
        total += math.log(1 - 1 / (N + 2))  # the rest is kept for categories that were never seen
    torch.testing.assert_close(likelihood(outputs).log_prob(x), total)


def test_gaussians_of_columns_with_a_grid_are_masses_to_be_compared_with_others(x):
    x[:, 0], x[:, 4] = x[:, 0].round(), (100 * x[:, 4]).round() / 100
    grids = {0: {"step": 1.0, "low": 0.0, "high": 99.0}, 4: {"step": 0.01, "low": 1.0, "high": 2.5}}
    columns = tuple(dataclasses.replace(column, **grids.get(i, {})) for i, column in enumerate(COLUMNS))
    on_grids, densities = Columns(columns, scale="conditional"), Columns(COLUMNS, scale="conditional")
    assert on_grids.is_mass
    assert on_grids.out_shape == densities.out_shape
    for likelihood in (on_grids, densities):
        likelihood.fit_scaling(x)
    outputs = 0.1 * torch.randn(N, *on_grids.out_shape)
    found, expected = (likelihood(outputs).log_prob_elements(x) for likelihood in (on_grids, densities))
    steps = torch.tensor([1.0, 0.01]).log()
    torch.testing.assert_close(found[:, [0, 4]], expected[:, [0, 4]] + steps, rtol=0, atol=0.1)  # steps are narrow
    assert torch.equal(found[:, [1, 2, 3, 5]], expected[:, [1, 2, 3, 5]])
    mixed = Columns(columns, real="quantile-logistic", counts="quantile-logistic", mixtures=2)
    mixed.fit_scaling(x)
    assert mixed.log_prob(torch.randn(N, *mixed.out_shape), x).isfinite().all()


def test_means_and_draws_are_rows_of_the_table(x):
    likelihood = Columns(COLUMNS)
    likelihood.fit_scaling(x)
    p_x = likelihood(0.1 * torch.randn(2, N, *likelihood.out_shape))
    draws = p_x.sample((20,))
    assert likelihood.check(draws.reshape(-1, 6)) is None
    assert ((draws.mean((0, 1, 2)) - x.mean(0)).abs() < 5 * x.std(0) / N**0.5).all()
    assert p_x.mean[..., [1, 5]].frac().eq(0).all()
    torch.testing.assert_close(p_x.mean[..., 0].mean(), x[:, 0].mean(), rtol=0.05, atol=0)


def test_it_is_a_mass_if_every_column_is():
    assert not Columns(COLUMNS).is_mass
    assert Columns(tuple(c for c in COLUMNS if c.kind != "real")).is_mass


def test_the_column_at_fault_is_named(x):
    x[3, 2] = 1.5
    with pytest.raises(InputError) as error:
        Columns(COLUMNS).check(x)
    assert error.value.argument == "column 'visits'"
    assert "counts" in error.value.expected
    assert "1.5" in error.value.got
    assert "columns=[('visits', 'real')]" in error.value.remedy
    x[3, 0] = torch.nan
    with pytest.raises(InputError) as error:
        Columns(COLUMNS).check(x)
    assert (error.value.argument, error.value.got) == ("column 'age'", "NaN or infinity")
    assert "real" not in error.value.remedy


def test_floors_stand_in_the_columns_order(x):
    likelihood = Columns(COLUMNS)
    with torch.no_grad():
        likelihood.parts[0].scale.raw.copy_(torch.tensor([0.0, -9.0]))
    assert likelihood.floored().tolist() == [False] * 4 + [True, False]
    assert Columns(COLUMNS[1:3]).floored() is None


def test_unknown_names_are_refused():
    for options, argument, got in (
        ({"real": "normal"}, "real", "'normal'"),
        ({"counts": "poison"}, "counts", "'poison'"),
        ({"scale": "optimal"}, "scale", "'optimal'"),
        ({"scale": "fixed"}, "scale", "'fixed'"),
    ):
        with pytest.raises(InputError) as error:
            Columns(COLUMNS, **options)
        assert (error.value.argument, error.value.got) == (argument, got)
    with pytest.raises(InputError) as error:
        Columns(COLUMNS, counts="poison")
    assert error.value.remedy == "did you mean 'poisson'?"
    with pytest.raises(InputError) as error:
        Columns(())
    assert error.value.argument == "columns"


def test_scales_of_real_columns_alone_are_multiplied(x):
    likelihood = Columns(COLUMNS)
    likelihood.fit_scaling(x)
    outputs = torch.randn(N, *likelihood.out_shape)
    wider, p_x = likelihood.rescaled(math.log(2))(outputs), likelihood(outputs)
    torch.testing.assert_close(wider.factor(0).parts[0].variance, 4 * p_x.factor(0).parts[0].variance)
    elements, expected = wider.log_prob_elements(x), p_x.log_prob_elements(x)
    assert torch.equal(elements[:, [1, 2, 3, 5]], expected[:, [1, 2, 3, 5]])
    assert not torch.allclose(elements[:, [0, 4]], expected[:, [0, 4]])
    assert Columns(COLUMNS[1:3]).rescaled(0.5) is None
