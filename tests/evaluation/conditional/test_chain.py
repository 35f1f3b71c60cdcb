"""The chain leaves p(z, x_missing | x_observed) as it is, and comes to it from anywhere, whatever the encoder."""

import pytest
import torch

from gaussian_gaps import Hopeless, Misled, conditional, linear, rows_with_gaps
from variate.data.batch import Batch
from variate.evaluation.conditional.chain import run_chains
from variate.evaluation.conditional.known import Known, draw_unknown
from variate.models.network import evaluating
from variate.runtime.random import RowStreams

CHAINS = 1000


def ends(model, x, mask, num_steps, start, share=0.1, rows=None):
    known = Known(Batch(x, mask))
    numbers = range(len(x)) if rows is None else rows
    with evaluating(model):
        found = run_chains(model, known, (start,), RowStreams(0, numbers, "test"), num_steps, share)
        outputs = model.outputs_at(found.latents)
        return found, draw_unknown(model.likelihood, outputs, known, RowStreams(1, numbers, "test"))[0]


def assert_exact(drawn, model, x, mask):
    """Moments of the missing elements within 5 standard errors of the exact ones."""
    mean, covariance = conditional(model, x, mask)
    variance = covariance.diagonal(dim1=1, dim2=2)
    gap = ~mask
    z = (drawn.mean(0) - mean)[gap] / (variance[gap] / CHAINS).sqrt()
    assert z.abs().max() < 5
    ratio = drawn.var(0)[gap] / variance[gap]  # with standard error sqrt(2 / CHAINS)
    assert (ratio - 1).abs().max() < 5 * (2 / CHAINS) ** 0.5
    assert (drawn == x)[:, mask].all()


@pytest.mark.parametrize("kind", [Misled, Hopeless])
def test_from_a_start_far_away_the_chain_comes_to_the_exact_law(kind):
    model = linear(kind)
    x, mask = rows_with_gaps(model, 4)
    found, drawn = ends(model, x[2:], mask[2:], 400, torch.full((CHAINS, 2, 2), 4.0), share=0.5)
    assert_exact(drawn, model, x[2:], mask[2:])
    assert (found.acceptance > 0).all()
    assert (found.acceptance < 0.9).all()


def test_from_exact_draws_one_step_of_the_chain_gives_exact_draws():
    model = linear(Misled)
    x, mask = rows_with_gaps(model, 6)
    with evaluating(model):
        q = linear().encode(Batch(x, mask))  # p(z | x_o)
    start = q.from_noise(torch.randn(CHAINS, len(x), 2))
    _, drawn = ends(model, x, mask, 1, start)
    assert_exact(drawn, model, x, mask)


def test_a_perfect_encoder_is_nearly_always_followed():
    model = linear()
    x, mask = rows_with_gaps(model, 5)
    found, _ = ends(model, x[1:], mask[1:], 20, torch.zeros(50, 4, 2), share=0.0)
    assert torch.allclose(found.acceptance, torch.ones(4))


def test_the_chains_of_a_row_do_not_depend_on_other_rows():
    model = linear(Misled)
    x, mask = rows_with_gaps(model, 5)
    start = torch.randn(7, 5, 2)
    together, _ = ends(model, x, mask, 10, start)
    alone, _ = ends(model, x[3:4], mask[3:4], 10, start[:, 3:4], rows=[3])
    torch.testing.assert_close(alone.latents[0], together.latents[0][:, 3:4])
    torch.testing.assert_close(alone.acceptance, together.acceptance[3:4])
