"""Maps over wider ranges: which scores stay, and what the new parts have."""

import numpy as np
import pytest
import torch

from number_columns import COLUMNS
from variate.distributions.quantile_logistic import COLUMN_SHARE, QuantileLogistic
from variate.distributions.quantile_map import MOST_KNOTS, QuantileMap, fit_knots
from variate.distributions.widening import LEAST_GIVEN, MOST_GIVEN, widened

GRIDS, OTHERS = ["prices", "whole", "amounts", "codes", "far"], ["normal", "atom", "ends"]


def map_of(found, step, low, high):
    stacked = (torch.tensor(part)[None] for part in (found.knots, found.shares))
    settings = (torch.tensor([value], dtype=torch.float64) for value in (step, low, high, max(100.0, 1 / (step or 1))))
    return QuantileMap(*stacked, *settings)


def both(name, steps_below=3, steps_above=25):
    """The map of a column, the same over a wider range, and both ranges."""
    values, step, low, high, atoms = COLUMNS[name]
    unit, half = step or 0.7, step / 2
    new_low, new_high = low - steps_below * unit, high + steps_above * unit
    found = fit_knots(values, step, low, high, atoms)
    wide = widened(found.knots, found.shares, new_low - half, new_high + half)
    return map_of(found, step, low, high), map_of(wide, step, new_low, new_high), (low, high), (new_low, new_high)


def points(low, high, step):
    return low + step * torch.arange(round((high - low) / step) + 1, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("name", GRIDS)
def test_on_a_grid_only_the_cells_of_the_last_pieces_change(name):
    old, new, (low, high), (new_low, new_high) = both(name)
    step = COLUMNS[name][1]
    knots = old.knots[0].unique()
    inner = points(low, high, step)
    inner = inner[((inner > knots[1]) & (inner < knots[-2]))[:, 0]]
    before, after = old.locate(inner), new.locate(inner)
    for a, b in zip(before.cells, after.cells, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12)
    everything = new.locate(points(new_low, new_high, step))
    torch.testing.assert_close(everything.log_share.exp().sum(), torch.ones(()))
    assert (everything.distance == 0).all()
    given = 1 - (new.shares[0][new.knots[0] == knots[-1]])
    mass = 1 - old.shares[0].unique()[-2]
    torch.testing.assert_close(given, torch.minimum(mass / 2, torch.tensor(MOST_GIVEN)).expand(1))


@pytest.mark.parametrize("name", OTHERS)
def test_without_a_grid_all_numbers_keep_their_scores_and_lose_what_the_new_parts_have(name):
    old, new, (low, high), _ = both(name)
    x = torch.linspace(low, high, 999)[:, None]
    x = torch.cat([x, torch.tensor([*COLUMNS[name][4]])[:, None]])
    before, after = old.locate(x), new.locate(x)
    torch.testing.assert_close(after.log_slope, before.log_slope, rtol=1e-12, atol=1e-12)
    for a, b in zip(before.cells, after.cells, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12)
    parameters = (torch.tensor([[0.3], [-0.2]]), torch.tensor([[1.5], [-2.5]]), torch.tensor([[-0.5], [-1.0]]))
    outside = torch.tensor([-np.inf])
    p_old, p_new = (QuantileLogistic(own, outside, *parameters).log_prob(x).exp() for own in (old, new))
    weights, scales = parameters[0].softmax(0), parameters[2].exp()

    def up_to(share):
        return (weights * torch.sigmoid((torch.special.ndtri(share) - parameters[1]) / scales)).sum()

    own, column = (
        (up_to(old.shares[0, -1]) - up_to(old.shares[0, 0])) / (up_to(new.shares[0, -1]) - up_to(new.shares[0, 0])),
        (old.shares[0, -1] - old.shares[0, 0]) / (new.shares[0, -1] - new.shares[0, 0]),
    )
    assert own < 0.9999  # components in the tails: the new parts have something
    share = COLUMN_SHARE * before.log_share.exp() / (old.shares[0, -1] - old.shares[0, 0])
    torch.testing.assert_close(p_new, own * (p_old - share) + column * share, rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", [*GRIDS, *OTHERS, "constant"])
def test_a_range_can_be_widened_again_and_again(name):
    values, step, low, high, atoms = COLUMNS[name]
    found = fit_knots(values, step, low, high, atoms)
    for i in range(1, 301):
        end = high + i * (step or 0.1) + step / 2
        found = widened(found.knots, found.shares, found.knots[0] - (i % 2), end)
        assert len(found.knots) == len(found.shares) == MOST_KNOTS
        assert (np.diff(found.knots) >= 0).all()
        assert (np.diff(found.shares) >= 0).all()
        assert found.knots[-1] == end
    assert found.shares[-1] - found.shares[found.knots < found.knots[-1]][-1] > LEAST_GIVEN / 4


def test_an_equal_range_changes_nothing_and_a_full_map_gives_up_what_it_needs_least():
    found = fit_knots(*COLUMNS["normal"])
    same = widened(found.knots, found.shares, found.knots[0], found.knots[-1])
    assert np.array_equal(same.knots, found.knots)
    assert np.array_equal(same.shares, found.shares)
    knots = np.arange(MOST_KNOTS, dtype=float)
    shares = np.linspace(0.01, 0.99, MOST_KNOTS)
    shares[100] += 1e-4
    full = widened(knots, shares, 0.0, 600.0)
    assert (full.knots[-1], len(full.knots)) == (600, MOST_KNOTS)
    assert 100 in full.knots
