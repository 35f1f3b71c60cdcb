import itertools
import math

import pytest
import torch

from variate.distributions.bernoulli import BernoulliElements
from variate.distributions.gaps import RowsWithGaps
from variate.distributions.rows import Independent

GAPPY = torch.tensor([0, 2])


def rows(batch=(4,)):
    values = Independent(BernoulliElements(torch.randn(*batch, 3)), 1)
    return RowsWithGaps(values, torch.randn(*batch, 2), GAPPY)


def everything():
    """Every row of three bits with every pattern of gaps, each pattern with one row for the cells that are missing."""
    found = []
    for pattern in itertools.product([False, True], repeat=2):
        mask = torch.tensor([pattern[0], True, pattern[1]])
        for bits in itertools.product([0.0, 1.0], repeat=int(mask.sum())):
            x = torch.full((3,), torch.nan)
            x[mask] = torch.tensor(bits)
            found.append((x, mask))
    x, mask = zip(*found, strict=True)
    return torch.stack(x), torch.stack(mask)


def test_probabilities_of_all_rows_with_all_patterns_sum_to_one():
    x, mask = everything()
    assert len(x) == 2 + 4 + 4 + 8
    total = rows().log_prob(x[:, None], mask[:, None]).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(4))


def test_it_is_the_probability_of_the_values_and_of_the_pattern():
    p = rows()
    x, mask = torch.tensor([1.0, 0, torch.nan]), torch.tensor([True, True, False])
    observed = torch.nn.functional.logsigmoid(torch.stack([p.observed.logits[:, 0], -p.observed.logits[:, 1]], -1))
    expected = p.values.log_prob(x, mask) + observed.sum(-1)
    torch.testing.assert_close(p.log_prob(x, mask), expected)
    full = torch.tensor([1.0, 0, 1])
    torch.testing.assert_close(p.log_prob(full), p.log_prob(full, torch.ones(3, dtype=torch.bool)))
    torch.testing.assert_close(p.log_prob_elements(full).sum(-1), p.log_prob(full))
    assert p.log_prob(torch.tensor([1.0, 0.5, 1])).isneginf().all()
    assert p.without_gaps is p.values
    assert p.values.without_gaps is p.values


def test_the_pattern_s_probability_is_a_sum_over_columns():
    p = rows()
    mask = torch.tensor([[True, True, False], [False, True, False]])[:, None]
    terms = p.log_prob_gap_elements(mask)
    assert terms.shape == (2, 4, 3)
    torch.testing.assert_close(terms.sum(-1), p.log_prob_gaps(mask))
    torch.testing.assert_close(terms[0, :, 0], torch.nn.functional.logsigmoid(p.observed.logits[:, 0]))
    torch.testing.assert_close(terms[0, :, 2], torch.nn.functional.logsigmoid(-p.observed.logits[:, 1]))
    assert (terms[..., 1] == 0).all()
    torch.testing.assert_close(p.log_prob_gap_elements(None).sum(-1), p.log_prob_gaps(None))


def test_drawn_patterns_have_the_probabilities():
    p, n = rows(), 20_000
    mask = p.sample_mask((n,), torch.Generator().manual_seed(0))
    assert mask[..., 1].all()
    share, expected = mask[..., GAPPY].double().mean(0), p.observed.mean
    assert ((share - expected).abs() < 4 * (expected * (1 - expected) / n).sqrt()).all()
    assert p.sample((5,)).shape == (5, 4, 3)


@pytest.mark.parametrize("batch", [(), (2, 4)])
def test_everything_else_is_of_the_values(batch):
    p = rows(batch)
    assert (p.batch_shape, p.event_shape) == (batch, (3,))
    assert torch.equal(p.mean, p.values.mean)
    assert torch.equal(p.variance, p.values.variance)
    assert torch.equal(p.factor(0).cdf(torch.zeros(3)), p.values.factor(0).cdf(torch.zeros(3)))
    assert math.isfinite(p.log_prob(torch.zeros(3)).sum())
