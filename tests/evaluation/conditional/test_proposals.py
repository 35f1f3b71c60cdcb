import math

import pytest
import torch

from gaussian_gaps import Hopeless, linear, rows_with_gaps
from ladder import Ladder
from variate.data.batch import Batch
from variate.evaluation.conditional.proposals import Proposal, ProposalNumbers
from variate.evaluation.groups import draw_posterior
from variate.models.network import evaluating
from variate.runtime.random import RowStreams


def proposal_of(model, share):
    dim = model.event_shape[0]
    batch = Batch(torch.randn(4, dim))
    return Proposal.of(model, batch, torch.full((4,), share))


@pytest.mark.parametrize("make", [linear, lambda: linear(Hopeless), Ladder])
def test_weights_are_those_of_the_mixture(make):
    model = make()
    with evaluating(model):
        proposal = proposal_of(model, 0.25)
        numbers = ProposalNumbers.draw(model, RowStreams(0, range(4), "test"), 4000)
        log_ratio = proposal.log_ratio(proposal.draw(numbers))
    assert log_ratio.max() <= -math.log(0.25) + 1e-9
    ratio = log_ratio.exp()  # between 0 and 4, with mean 1
    assert ((ratio.mean(0) - 1).abs() < 5 * ratio.std(0) / 4000**0.5).all()


def test_with_the_whole_share_the_prior_is_drawn_from():
    model = linear(Hopeless)
    with evaluating(model):
        proposal = proposal_of(model, 1.0)
        z = proposal.draw(ProposalNumbers.draw(model, RowStreams(0, range(4), "test"), 4000))
        torch.testing.assert_close(proposal.log_ratio(z), torch.zeros(4000, 4))
    assert z[0].mean().abs() < 5 / (4000 * 4 * 2) ** 0.5
    assert (z[0].var() - 1).abs() < 5 * (2 / (4000 * 4 * 2)) ** 0.5


def test_without_a_share_the_encoder_is_drawn_from():
    model = Ladder()
    with evaluating(model):
        proposal = proposal_of(model, 0.0)
        numbers = ProposalNumbers.draw(model, RowStreams(0, range(4), "test"), 50)
        z = proposal.draw(numbers)
        own = draw_posterior(model, proposal.batch, numbers.posterior, proposal.features)
        log_q = sum(q.log_prob(drawn) for q, drawn in zip(own.q, own.latents, strict=True))
        for drawn, expected in zip(z, own.latents, strict=True):
            torch.testing.assert_close(drawn, expected)
        torch.testing.assert_close(proposal.log_ratio(z), own.log_pz - log_q)


def test_numbers_are_the_same_in_parts_and_for_each_row_alone():
    model = linear()
    whole = ProposalNumbers.draw(model, RowStreams(0, range(4), "test"), 10)
    alone = ProposalNumbers.draw(model, RowStreams(0, [2], "test"), 10)
    part, flat = whole.part(slice(3, 6)), whole.flat()
    assert torch.equal(whole.choice[:, 2:3], alone.choice)
    assert torch.equal(whole.prior[0][:, 2:3], alone.prior[0])
    assert torch.equal(part.posterior[0], whole.posterior[0][3:6])
    assert flat.posterior[0].shape == (1, 40, 2)
    assert torch.equal(flat.posterior[0][0, 4 * 3 + 2], whole.posterior[0][3, 2])
    assert flat.choice.shape == (1, 40)


def test_rows_with_gaps_are_those_that_the_model_reads():
    x, mask = rows_with_gaps(linear(), 4)
    assert not mask[0].any()
    assert mask[1].all()
    assert x.shape == mask.shape
