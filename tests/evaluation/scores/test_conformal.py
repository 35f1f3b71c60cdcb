"""P-values by ranking, against their definition and against the uniform law that they must have."""

import pytest
import torch

from variate.evaluation.scores.conformal import ranked, ranked_cells, ranked_together, ranked_typicality, typical_centre


def product(scores):
    """Minus the log of the product of the p-values of each row among all rows, (n,), from its definition."""
    p = torch.stack([(own[None] >= own[:, None]).double().mean(1) for own in scores.unbind(1)], 1)
    return -p.log().sum(1)


def share_at_least(values):
    """The share of all rows whose value is at least that of the last."""
    return (values >= values[-1] - 1e-12).double().mean()


def test_a_p_value_counts_the_rows_that_are_at_least_as_odd():
    held_out = torch.tensor([3.0, 1.0, 2.0, 2.0])
    found = ranked(torch.tensor([0.0, 2.0, 2.5, 3.0, 4.0, torch.inf, -torch.inf]), held_out)
    assert (found * 5).tolist() == [5, 4, 2, 2, 1, 1, 5]
    assert ranked(torch.tensor([torch.inf]), torch.tensor([torch.inf, 0.0])).item() == pytest.approx(2 / 3)


def test_scores_that_differ_by_rounding_are_equal():
    held_out = torch.tensor([100.0, 200.0])
    assert (ranked(torch.tensor([200.0001, 200.1]), held_out) * 3).tolist() == [2, 1]
    assert (ranked_typicality(torch.tensor([-1.00000001]), torch.tensor([-1.0, 1.0, 0.0])) * 4).item() == 3
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    assert torch.equal(ranked_together(scores + 1e-9, scores)[1], ranked_together(scores, scores)[1])


def test_typicality_and_combination_are_their_definitions_among_all_rows():
    held_out, new = torch.randn(30, 3).round(decimals=1), torch.randn(20, 3).round(decimals=1)
    typical = ranked_typicality(new[:, 0], held_out[:, 0])
    together, p_value = ranked_together(new, held_out)
    for i, row in enumerate(new):
        everything = torch.cat([held_out, row[None]])
        distance = (everything[:, 0] - everything[:, 0].mean()).abs()
        assert typical[i].item() == pytest.approx(share_at_least(distance.round(decimals=9)).item())
        assert p_value[i].item() == pytest.approx(share_at_least(product(everything)).item())
        torch.testing.assert_close(together[i], product(everything)[-1])


def sides(x):
    return torch.stack([x[..., 0], -x[..., 0], x[..., 1]], -1)


RANKINGS = {
    "plain": lambda new, held_out: ranked(new[:, 0], held_out[:, 0]),
    "typicality": lambda new, held_out: ranked_typicality(new[:, 0], held_out[:, 0]),
    "combined": lambda new, held_out: ranked_together(sides(new), sides(held_out))[1],
}


@pytest.mark.parametrize("ranking", RANKINGS)
def test_p_values_of_exchangeable_rows_are_never_too_small(ranking):
    repeats, n = 2000, 19
    data = torch.randn(repeats, n + 1, 2)
    data[..., 1] += data[..., 0] ** 2
    found = torch.cat([RANKINGS[ranking](rows[:1], rows[1:]) for rows in data])
    for level in (0.05, 0.1, 0.3, 0.5):
        share, stderr = (found <= level + 1e-9).double().mean().item(), (level * (1 - level) / repeats) ** 0.5
        assert share <= level + 4 * stderr
        if ranking != "combined":  # which has ties, and those count against the row
            assert share >= level - 4 * stderr


def test_impossible_rows_are_the_oddest_and_leave_the_centre_where_it_is():
    bounds = torch.tensor([-1.0, -2.0, -3.0, -torch.inf])
    assert typical_centre(bounds).item() == -2
    assert typical_centre(torch.tensor([-torch.inf])).item() == 0
    found = ranked_typicality(torch.tensor([-torch.inf, -2.0, 50.0]), bounds)
    assert (found * 5).tolist() == [2, 5, 2]


def test_a_cell_is_ranked_among_the_cells_of_its_column():
    held_out = torch.tensor([[1.0, torch.nan], [2.0, 5.0], [3.0, torch.nan]])
    oddness = torch.tensor([[2.5, 6.0], [torch.nan, torch.nan], [torch.inf, 4.0]])
    found = ranked_cells(oddness, held_out)
    torch.testing.assert_close(found, torch.tensor([[2 / 4, 1 / 2], [1, 1], [1 / 4, 1]], dtype=torch.float64))


def test_many_rows_are_compared_a_few_at_a_time(monkeypatch):
    held_out, new = torch.randn(30, 3), torch.randn(20, 3)
    whole = ranked_together(new, held_out)
    monkeypatch.setattr("variate.evaluation.scores.conformal.CELLS_AT_A_TIME", 70)
    for one, other in zip(whole, ranked_together(new, held_out), strict=True):
        assert torch.equal(one, other)
