import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from number_columns import COLUMNS, maps
from variate.config.schema import LARGEST, Column
from variate.data.schema.as_numbers import atoms_of, step_of
from variate.data.schema.profiles import profile_of_numbers
from variate.distributions.column_quantiles import ColumnQuantiles
from variate.distributions.quantile_logistic import COLUMN_SHARE, QuantileLogistic

GRIDS = ("prices", "whole", "amounts", "codes")
REALS = ("normal", "atom", "ends")
LOG_OUTSIDE = -5.0
K = 3


def mixture(*names, batch=(4,), dtype=torch.float64, spread=1.0):
    shape = (*batch, K, len(names))
    logits, loc, log_scale = (spread * torch.randn(shape, dtype=dtype) for _ in range(3))
    outside = torch.full((len(names),), LOG_OUTSIDE, dtype=torch.float64)
    return QuantileLogistic(maps(*names), outside, logits, loc, log_scale - 1, all(name in GRIDS for name in names))


def grid(name, beyond=0):
    """Points of a grid, (G, 1, 1), with so many on each side of the range."""
    _, step, low, high, _ = COLUMNS[name]
    return (low + step * torch.arange(-beyond, round((high - low) / step) + 1 + beyond).double())[:, None, None]


def by_definition(p, a, b):
    """L(a, b) of the module's docstring for scores a and b, in plain arithmetic."""
    weights, scale = p.logits.softmax(-2), p.log_scale.exp()
    return (weights * (torch.sigmoid((b - p.loc) / scale) - torch.sigmoid((a - p.loc) / scale))).sum(-2)


@pytest.mark.parametrize("name", GRIDS)
def test_masses_are_those_of_the_definition(name):
    p, x = mixture(name, batch=()), grid(name)
    located = p.quantiles.locate(x)
    a = torch.where(located.cells.is_open_below, -torch.inf, located.cells.lower)
    b = torch.where(located.cells.is_open_above, torch.inf, located.cells.upper)
    own = by_definition(p, a.unsqueeze(-2), b.unsqueeze(-2))
    expected = (1 - COLUMN_SHARE) * own + COLUMN_SHARE * located.log_share.exp()
    expected = (1 - math.exp(LOG_OUTSIDE)) * expected
    torch.testing.assert_close(p.log_prob(x).exp(), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("all_on_grids", [True, False])
@pytest.mark.parametrize("name", GRIDS)
def test_masses_sum_to_one_with_what_is_outside(name, all_on_grids):
    p = mixture(name)
    p.all_on_grids = all_on_grids
    inside = p.log_prob(grid(name)).exp().sum(0)
    torch.testing.assert_close(inside, torch.full_like(inside, 1 - math.exp(LOG_OUTSIDE)))
    # The tails: sum of e / 2 (1 / (1 + near) - 1 / (1 + far)) up to a distance of d ranges is e (1 - 1 / (1 + d)).
    beyond = 10_000
    d = beyond * COLUMNS[name][1] / p.quantiles.span
    both = p.log_prob(grid(name, beyond)).exp().sum(0)
    torch.testing.assert_close(both, inside + math.exp(LOG_OUTSIDE) * (1 - 1 / (1 + d)))


@pytest.mark.parametrize("name", REALS)
def test_densities_and_atoms_integrate_to_one_with_what_is_outside(name):
    _, _, low, high, atoms = COLUMNS[name]
    p = mixture(name, batch=(), spread=0.5)

    def density(x):
        return p.log_prob(torch.tensor([x], dtype=torch.float64)).exp().item()

    knots = [knot for knot in p.quantiles.knots[0].unique().tolist() if knot not in atoms]
    pieces = list(dict.fromkeys([low, *knots, high]))
    total = sum(integrate.quad(density, a + 1e-12, b - 1e-12)[0] for a, b in pairwise(pieces))
    total += sum(density(atom) for atom in atoms)
    outside = sum(integrate.quad(density, *ends)[0] for ends in ((-math.inf, low - 1e-9), (high + 1e-9, math.inf)))
    assert total == pytest.approx(1 - math.exp(LOG_OUTSIDE), rel=2e-4)
    assert outside == pytest.approx(math.exp(LOG_OUTSIDE), rel=1e-4)


def test_no_number_within_the_range_costs_much_more_than_without_a_model():
    p = mixture("whole", "normal")
    p.log_scale, p.loc = torch.full_like(p.loc, -6.0), torch.full_like(p.loc, 3.0)
    x = torch.tensor([2.0, -2.0])
    without = p.quantiles.locate(x).log_share
    assert (p.log_prob(x) > without + math.log(COLUMN_SHARE) - 0.02).all()
    assert (p.log_prob(x) < without + math.log(COLUMN_SHARE) + 0.02).all()


def test_one_component_as_wide_as_the_column_has_its_frequencies():
    p = mixture("whole")
    p.logits, p.loc, p.log_scale = torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), torch.full((1, 1, 1), math.log(0.55))
    x = grid("whole")
    error = (p.log_prob(x).exp() - p.quantiles.locate(x).log_share.exp()).abs()
    assert error.max() < 2 * 0.012  # a logistic of scale 0.55 is within 0.012 of the normal distribution function


@pytest.mark.parametrize("name", [*GRIDS, *REALS, "constant"])
def test_draws_have_the_distribution_and_stay_in_the_range(name):
    _, _, low, high, atoms = COLUMNS[name]
    p = mixture(name, batch=(2,))
    n = 20_000
    draws = p.sample((n,), torch.Generator().manual_seed(1))
    assert draws.dtype == torch.float64
    assert (draws >= low).all()
    assert (draws <= high).all()
    assert torch.equal(p.quantiles.rounded(draws), draws)
    for x in (*p.quantiles.knots[0, ::60].tolist(), *atoms):
        point = torch.tensor([[x]], dtype=torch.float64)
        outside = math.exp(LOG_OUTSIDE)
        expected = ((p.cdf(point) - outside / 2) / (1 - outside)).clamp(0, 1)
        found = (draws <= p.quantiles.rounded(point)).double().mean(0)
        assert ((found - expected).abs() <= 4 * (expected * (1 - expected) / n).sqrt() + 1e-9).all()
    mean, std = draws.mean(0), draws.std(0)
    assert ((mean - p.mean).abs() <= 4 * std / n**0.5 + 0.02 * std + 1e-9).all()
    squares = (draws - mean).square()
    assert ((squares.mean(0) - p.variance).abs() <= 4 * squares.std(0) / n**0.5 + 0.04 * p.variance + 1e-9).all()


@pytest.mark.parametrize("name", [*GRIDS, *REALS])
def test_distribution_function_adds_up_the_log_probabilities(name):
    p = mixture(name)
    x = grid(name, 5) if name in GRIDS else (torch.arange(-28, 29) / 4).double()[:, None, None]
    cdf, below = p.cdf(x), p.cdf_below(x)
    assert (cdf.diff(dim=0) >= 0).all()
    located = p.quantiles.locate(x)
    has_mass = torch.tensor(name in GRIDS) | (located.cells.is_mass & (located.distance == 0))
    assert has_mass.sum() == (len(x) if name in GRIDS else len(COLUMNS[name][4]))
    mass = torch.where(has_mass, p.log_prob(x).exp(), 0)
    torch.testing.assert_close(cdf - below, mass, rtol=1e-6, atol=1e-10)
    if name in GRIDS:
        torch.testing.assert_close(below[1:], cdf[:-1])
    ends = torch.tensor([-torch.inf, torch.inf]).double()[:, None, None]
    assert p.cdf(ends)[:, 0, 0].tolist() == [0, 1]


@pytest.mark.parametrize("name", [*GRIDS, *REALS])
def test_quantiles_lead_back(name):
    p = mixture(name, batch=())
    draws = p.sample((200,))
    outside = torch.tensor([COLUMNS[name][2] - 3.0, COLUMNS[name][3] + 3.0]).double()[:, None]
    x = torch.cat([draws, p.quantiles.rounded(outside)])
    torch.testing.assert_close(p.quantile(p.cdf(x)), x, rtol=1e-9, atol=1e-6)
    assert p.quantile(torch.tensor([[0.0], [1.0]]))[:, 0].tolist() == [-torch.inf, torch.inf]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_and_right_wherever_numbers_lie(dtype):
    names = ("whole", "amounts", "far", "normal", "atom", "constant")
    quantiles = maps(*names)
    ends = [quantiles.low, quantiles.high, quantiles.low - 1, quantiles.high + 1e6, torch.full((6,), 1.25)]
    x = torch.stack([*ends, *quantiles.inverse(torch.randn(20, 6))])[:, None]
    parameters = [torch.randn(3, K, 6, dtype=dtype, requires_grad=True) for _ in range(3)]
    outside = torch.full((6,), LOG_OUTSIDE, dtype=torch.float64)

    def log_prob(logits, loc, log_scale):
        return QuantileLogistic(quantiles, outside, logits, loc, 3 * log_scale - 2).log_prob(x)

    for gradient in torch.autograd.grad(log_prob(*parameters).sum(), parameters):
        assert gradient.isfinite().all()
    if dtype == torch.float64:
        assert torch.autograd.gradcheck(log_prob, parameters)


def test_single_precision_agrees_with_double():
    p = mixture("prices", "amounts", "normal", "atom")
    x = p.sample((50,))
    single = QuantileLogistic(p.quantiles, p.log_outside, p.logits.float(), p.loc.float(), p.log_scale.float())
    assert single.log_prob(x).dtype == torch.float32
    torch.testing.assert_close(single.log_prob(x).double(), p.log_prob(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [*GRIDS, *REALS])
def test_draws_from_uniform_numbers_have_the_distribution_within_the_range(name):
    p, n = mixture(name, batch=(2,)), 20_000
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # evenly spaced, so that nothing is left to chance
    draws = p.from_uniform(u[:, None, None])
    outside = math.exp(LOG_OUTSIDE)
    for x in draws[:: n // 10, 0]:
        expected = (p.cdf(x) - outside / 2) / (1 - outside)
        assert ((draws <= x).double().mean(0) - expected).abs().max() < (K + 2) / n


def column_of(values):
    """A column of numbers as it is told from them."""
    found = profile_of_numbers(values)
    step, low, high = step_of(found), float(values.min()), float(values.max())
    return Column("x", "real", step=step, low=low, high=high, atoms=() if step else atoms_of(found))


FLOATS = st.floats(-LARGEST, LARGEST)
NUMBERS = st.one_of(
    st.lists(FLOATS, min_size=1, max_size=40),
    st.lists(st.sampled_from([0.0, 1e-300, 5e-324, 1e-5, 1.0, 1 + 2**-52, 1e15, 1e15 + 0.125, LARGEST]), min_size=1),
    st.builds(lambda x, ulps: [x + u * np.spacing(x) for u in ulps], FLOATS, st.lists(st.integers(0, 5), min_size=1)),
    st.builds(
        lambda whole, decimals: [k / 10**decimals for k in whole],
        st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=40),
        st.integers(0, 9),
    ),
)


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.integers(0, 2**32 - 1), st.sampled_from([1, 25]))
def test_whatever_finite_numbers_a_column_has_their_log_probabilities_and_gradients_are_finite(numbers, seed, times):
    values = np.tile(np.array(numbers), times).clip(-LARGEST, LARGEST)
    column = column_of(values)
    quantiles = ColumnQuantiles([column])
    quantiles.fit(torch.from_numpy(values)[:, None])
    generator = torch.Generator().manual_seed(seed)
    shape, single = (1, 3, 1), torch.float32
    parameters = [torch.randn(shape, generator=generator, dtype=single).requires_grad_() for _ in range(3)]
    logits, loc, log_scale = parameters
    outside = torch.full((1,), -math.log(len(values) + 2))
    p = QuantileLogistic(quantiles(), outside, logits, 3 * loc, 3 * log_scale - 3, bool(column.step))
    x = torch.from_numpy(np.concatenate([values, [column.low, column.high, (column.low + column.high) / 2]]))
    log_prob = p.log_prob(torch.cat([x, p.sample((20,), generator).flatten()])[:, None])
    assert log_prob.isfinite().all()
    assert all(own.isfinite().all() for own in torch.autograd.grad(log_prob.sum(), parameters))
    assert quantiles().scores(x[:, None]).isfinite().all()
    if column.step:
        assert (log_prob <= 0).all()
