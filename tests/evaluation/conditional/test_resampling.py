import torch
from scipy import stats

from variate.evaluation.conditional.resampling import Resampled


def test_slots_hold_each_draw_with_its_share_of_the_weight_however_the_draws_arrive():
    weights = torch.tensor([0.0, 1.0, 3.0, 0.5, 0.0, 2.0, 3.5])
    slots = 20_000
    for sizes in ([7], [1, 6], [3, 3, 1], [1] * 7):
        found = Resampled()
        z, log_w = torch.arange(7.0).reshape(7, 1, 1), weights.log().reshape(7, 1)
        for own, log_own in zip(z.split(sizes), log_w.split(sizes), strict=True):
            found.add([own], log_own, torch.rand(slots, 1))
        counts = found.latents[0].flatten().long().bincount(minlength=7)
        assert counts[[0, 4]].tolist() == [0, 0]
        seen = weights > 0
        chi2 = stats.chisquare(counts[seen], (slots * weights / weights.sum())[seen])
        assert chi2.pvalue > 1e-4, sizes
        torch.testing.assert_close(found.ess, (weights.sum() ** 2 / weights.square().sum()).reshape(1))
        torch.testing.assert_close(found.log_total, weights.sum().log().reshape(1))
        assert found.count == 7


def test_rows_are_resampled_by_their_own_weights():
    log_w = torch.tensor([[0.0, -torch.inf], [-torch.inf, 5.0], [-torch.inf, -torch.inf]])
    z = torch.arange(6.0).reshape(3, 2, 1)
    found = Resampled()
    found.add([z, z.unsqueeze(-1)], log_w, torch.rand(4, 2))
    for own in found.latents:
        assert own[:, 0].unique().tolist() == [0.0]
        assert own[:, 1].unique().tolist() == [3.0]


def test_weights_of_any_size_neither_overflow_nor_vanish():
    for shift in (-2000.0, 2000.0):
        found = Resampled()
        for own in torch.zeros(6, 1).split(2):
            found.add([torch.randn(2, 1, 3)], own + shift, torch.rand(5, 1))
        torch.testing.assert_close(found.ess, torch.tensor([6.0]))


def test_a_row_that_no_draw_makes_possible_has_no_effective_draws():
    found = Resampled()
    found.add([torch.zeros(3, 1, 2)], torch.full((3, 1), -torch.inf), torch.rand(4, 1))
    assert found.ess.tolist() == [0.0]
    found.add([torch.ones(3, 1, 2)], torch.zeros(3, 1), torch.rand(4, 1))
    assert (found.latents[0] == 1).all()
    torch.testing.assert_close(found.ess, torch.tensor([3.0]))
