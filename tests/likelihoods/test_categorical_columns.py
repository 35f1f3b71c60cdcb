"""Columns of names with different numbers of names, beside a softmax for each."""

import math

import pytest
import torch

from variate.errors import InputError
from variate.likelihoods.categorical_columns import CategoricalColumns

SIZES = [3, 1, 7, 2]
ROWS = torch.stack([torch.arange(40) % size for size in SIZES], 1)


@pytest.fixture
def likelihood():
    likelihood = CategoricalColumns(SIZES)
    likelihood.fit_scaling(ROWS)
    return likelihood


def test_each_column_is_a_softmax_over_its_own_names(likelihood):
    outputs = torch.randn(2, 40, sum(SIZES), dtype=torch.float64)
    expected = torch.zeros(2, 40)
    for column, (size, own) in enumerate(zip(SIZES, outputs.split(SIZES, -1), strict=True)):
        counts = ROWS[:, column].bincount(minlength=size) + 0.5
        log_p = (own + (counts / counts.sum()).log().double()).log_softmax(-1) + math.log1p(-1 / 42)
        expected = expected + log_p.gather(-1, ROWS[:, column].expand(2, 40).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(likelihood.log_prob(outputs, ROWS), expected, rtol=0, atol=1e-6)


def test_at_its_start_it_has_the_frequencies_and_names_never_seen_share_one_part_in_n_plus_2(likelihood):
    p_x = likelihood(torch.zeros(1, sum(SIZES))).factor(0)
    codes = torch.arange(8.0)[:, None, None].expand(8, 1, 4)
    masses = p_x.log_prob_or_minus_inf(codes).exp()[:, 0]
    torch.testing.assert_close(masses.sum(0), torch.ones(4))
    for column, size in enumerate(SIZES):
        counts = ROWS[:, column].bincount(minlength=size) + 0.5
        torch.testing.assert_close(masses[:size, column], 41 / 42 * counts / counts.sum())
        assert masses[size, column].item() == pytest.approx(1 / 42)


def test_gradients_are_finite_and_reach_every_logit(likelihood):
    outputs = torch.randn(40, sum(SIZES), requires_grad=True)
    likelihood.log_prob(outputs, ROWS).sum().backward()
    assert outputs.grad.isfinite().all()
    assert (outputs.grad.abs().sum(0) > 0).tolist() == [True] * 3 + [False] + [True] * 9  # one name alone is certain


def test_draws_are_names_that_were_seen(likelihood):
    p_x = likelihood(10 * torch.randn(50, sum(SIZES)))
    for draws in (p_x.sample((20,)), p_x.factor(0).from_uniform(torch.rand(20, 50, 4))):
        assert (draws >= 0).all()
        assert (draws < torch.tensor(SIZES)).all()


@pytest.mark.parametrize("row", [[0, 0, 0, 3], [0, 2, 0, 0], [-1, 0, 0, 0], [0.5, 0, 0, 0]])
def test_codes_that_no_name_has_are_refused(likelihood, row):
    with pytest.raises(InputError, match="codes"):
        likelihood.check(torch.tensor([row]))
    likelihood.check(torch.tensor([SIZES]))  # the codes for names never seen


@pytest.mark.parametrize("sizes", [[3, 0], [2**16 + 1]])
def test_columns_have_names_and_not_too_many(sizes):
    with pytest.raises(InputError, match="categories: expected from 1 to 65,536"):
        CategoricalColumns(sizes)


@pytest.mark.parametrize("equal", [True, False])
def test_new_names_have_at_most_what_names_never_seen_have_and_the_others_lose_that(likelihood, equal):
    grown, more = CategoricalColumns([5, 1, 8, 2]), [2, 0, 1, 0]
    grown.extend(likelihood.log_frequency.split(SIZES), likelihood.log_unseen)
    if equal:  # the bound is reached where all logits are equal
        likelihood.log_frequency.zero_()
        grown.extend([torch.zeros(size) for size in SIZES], likelihood.log_unseen)
    outputs = torch.zeros(1, sum(SIZES)) if equal else 3 * torch.randn(50, sum(SIZES))
    own = outputs.split(SIZES, -1)
    extended = [torch.cat([o, o.mean(-1, keepdim=True).expand(-1, m)], -1) for o, m in zip(own, more, strict=True)]
    before = likelihood(outputs).factor(0).log_prob(torch.zeros(1, 4))
    after = grown(torch.cat(extended, -1)).factor(0)
    for column, (size, new) in enumerate(zip(SIZES, more, strict=True)):
        codes = torch.zeros(new, 1, 4)
        codes[..., column] = size + torch.arange(new)[:, None]
        of_seen = math.log1p(-1 / 42)
        q = (after.log_prob(codes)[..., column] - of_seen).exp().sum(0)
        assert (q <= 1 / 42 + 1e-9).all()
        if equal and new:
            torch.testing.assert_close(q, torch.full_like(q, 1 / 42), rtol=1e-5, atol=0)
        lost = (after.log_prob(torch.zeros(1, 4)) - before)[:, column]
        torch.testing.assert_close(lost, torch.log1p(-q), rtol=0, atol=1e-6)
