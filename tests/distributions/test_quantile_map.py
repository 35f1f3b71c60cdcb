import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats

from number_columns import COLUMNS, N, maps, wide
from variate.distributions.quantile_map import MOST_KNOTS, NARROW, fit_knots


@pytest.mark.parametrize("name", COLUMNS)
def test_knots_ascend_from_end_to_end(name):
    _, step, low, high, atoms = COLUMNS[name]
    found = fit_knots(*COLUMNS[name])
    assert found.knots.shape == found.shares.shape == (MOST_KNOTS,)
    assert (found.knots[0], found.knots[-1]) == (low - step / 2, high + step / 2)
    assert (np.diff(found.knots) >= 0).all()
    assert (np.diff(found.shares) >= 0).all()
    (surplus,) = np.flatnonzero((found.knots == found.knots[-1]) & (found.shares == found.shares[-1]))[:1]
    moved = np.flatnonzero(np.diff(found.knots[: surplus + 1]) == 0)
    assert set(found.knots[moved]) == set(atoms)
    if step:
        assert (found.shares[0], found.shares[-1]) == (0, 1)
    elif name != "constant":
        assert 0 < found.shares[0] < found.shares[-1] < 1


@pytest.mark.parametrize("name", ["prices", "whole", "codes", "far"])
def test_cells_of_frequent_values_have_the_share_of_their_rows(name):
    values, step, low, high, _ = COLUMNS[name]
    found, counts = np.unique(values, return_counts=True)
    shares = maps(name).locate(torch.tensor(found)[:, None]).log_share.exp()[:, 0].numpy()
    frequent = counts > N / 100
    points = (high - low) / step + 1
    np.testing.assert_allclose(shares[frequent], ((counts + 1 / points) / (N + 1))[frequent], rtol=1e-9)
    assert frequent.any()


@pytest.mark.parametrize("name", ["prices", "whole", "amounts", "codes", "far"])
def test_masses_of_a_grid_sum_to_one(name):
    _, step, low, high, _ = COLUMNS[name]
    grid = low + step * torch.arange(round((high - low) / step) + 1, dtype=torch.float64)
    shares = maps(name).locate(grid[:, None]).log_share.exp()
    assert (shares > 0).all()
    torch.testing.assert_close(shares.sum(), torch.ones((), dtype=torch.float64))


@pytest.mark.parametrize("name", ["normal", "atom", "ends"])
def test_densities_and_atoms_integrate_to_the_share_of_the_range(name):
    _, _, low, high, atoms = COLUMNS[name]
    quantiles = maps(name)
    x = torch.linspace(low, high, 400_001, dtype=torch.float64)
    x = ((x[1:] + x[:-1]) / 2)[:, None]
    located = quantiles.locate(x)
    assert not located.cells.is_mass.any()
    total = located.log_share.exp().sum() * (high - low) / len(x)
    for atom in atoms:
        at = quantiles.locate(torch.full((1, 1), atom, dtype=torch.float64))
        assert at.cells.is_mass.all()
        total += at.log_share.exp().sum()
    torch.testing.assert_close(total, quantiles.shares[0, -1] - quantiles.shares[0, 0], rtol=1e-4, atol=0)
    # dy/dx = (dF/dx) / phi(y)
    y = located.cells.lower
    log_phi = -0.5 * y.square() - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(located.log_slope + log_phi, located.log_share)


@pytest.mark.parametrize("name", COLUMNS)
def test_scores_of_the_rows_are_standard_normal_and_lead_back(name):
    values = torch.tensor(COLUMNS[name][0])[:, None]
    quantiles = maps(name)
    scores = quantiles.scores(values)
    torch.testing.assert_close(quantiles.inverse(scores), values, rtol=1e-9, atol=1e-9)
    if name == "normal":
        torch.testing.assert_close(scores, values, rtol=0, atol=0.6)  # the largest is far from the others
        most = values.abs() < 3
        torch.testing.assert_close(scores[most], values[most], rtol=0, atol=0.35)
        ranks = (values.argsort(0).argsort(0) + 0.5) / N
        # Between two of the 2 sqrt(N) quantiles, the share is off by at most their distance.
        torch.testing.assert_close(torch.special.ndtr(scores), ranks, rtol=0, atol=0.5 / N**0.5)
        assert abs(scores.mean()) < 0.01
        assert abs(scores.std() - 1) < 0.02


def test_what_lies_outside_the_range_has_its_distance_and_the_cell_of_the_end():
    quantiles = maps("whole", "normal")
    located = quantiles.locate(torch.tensor([[41.5 - 1e-9, 15.0], [20.0, 5.0], [-21.0, -10.0]]).double())
    torch.testing.assert_close(located.distance[:, 0], torch.tensor([20.5, 0, 20.5]).double() / 21)
    torch.testing.assert_close(located.distance[:, 1], torch.tensor([1, 0, 0.5]).double())
    assert all((part[0] == part[1]).all() for part in located.cells)
    assert located.cells.is_open_below.tolist() == [[False, False], [False, False], [True, False]]


def test_numbers_off_the_grid_are_rounded_to_it():
    quantiles = maps("prices")
    near, on = (quantiles.locate(torch.tensor([[x]]).double()) for x in (3.04, 3.0))
    assert near.log_share == on.log_share
    assert quantiles.rounded_up(torch.tensor([[3.04]]).double()).item() == pytest.approx(3.1)
    assert quantiles.rounded_up(torch.tensor([[3.0 + 1e-12]]).double()).item() == pytest.approx(3.0)


def test_batches_of_any_shape_and_columns_side_by_side():
    names = ("prices", "atom", "codes")
    quantiles = maps(*names)
    x = torch.stack([torch.tensor(COLUMNS[name][0][:24]) for name in names], -1).reshape(2, 3, 4, 3)
    together = quantiles.scores(x)
    for i, name in enumerate(names):
        assert torch.equal(together[..., i : i + 1], maps(name).scores(x[..., i : i + 1]))
    assert torch.equal(quantiles.scores(x[0, 0, 0]), together[0, 0, 0])


@pytest.mark.parametrize("step", [1e-4, 1e-2, 1.0])
def test_cells_far_less_probable_than_shares_are_exact(step):
    # Up to 10^14 points of the grid lie in the range, and F is exact to 10^-16.
    values, *_ = wide(step)
    quantiles = maps("wide", wide=wide(step))
    x = np.sort(values)
    located = quantiles.locate(torch.tensor(x)[:, None])
    knots, shares = ([Fraction(float(part)) for part in own[0]] for own in (quantiles.knots, quantiles.shares))
    half = Fraction(step) / 2
    for place in (0, 1, 2, 100, len(x) // 2, len(x) - 3, len(x) - 2, len(x) - 1):
        number = Fraction(float(x[place]))
        piece = next(i for i, knot in enumerate(knots) if knot > number) - 1
        slope = (shares[piece + 1] - shares[piece]) / (knots[piece + 1] - knots[piece])
        before = shares[piece] + slope * (number - half - knots[piece])
        own = [part[place, 0].item() for part in located.cells]
        assert located.log_share[place, 0].item() == pytest.approx(math.log(2 * half * slope), rel=1e-12)
        if place == 0:
            assert own[2]
        elif place == len(x) - 1:
            assert own[3]
            assert own[0] == pytest.approx(stats.norm.isf(float(1 - before)), rel=1e-3)  # an edge is rounded, too
        else:
            y = stats.norm.ppf(float(before)) if before < 0.5 else stats.norm.isf(float(1 - before))
            assert own[0] == pytest.approx(y, rel=1e-6)
            assert own[4] == pytest.approx(float(2 * half * slope) / stats.norm.pdf(y), rel=1e-4)


def test_narrow_and_wide_cells_meet():
    # The width of a cell is a difference of scores, or mass over phi: both where one takes over from the other.
    grid = torch.arange(200_001).double()[:, None] * 0.001
    values = np.random.default_rng(8).gamma(2, 20, 30_000).round(3).clip(0, 200)
    cells = maps("long", long=(values, 0.001, 0.0, 200.0, ())).locate(grid).cells
    width, difference = cells.width[1:-1], (cells.upper - cells.lower)[1:-1]
    torch.testing.assert_close(width, difference, rtol=1e-7, atol=1e-13)
    narrow = (width * (1 + cells.upper[1:-1].abs()) < NARROW).double().mean()
    assert 0.01 < narrow < 0.99
