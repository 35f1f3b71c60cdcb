"""Blocks of draws and rows, against all of them at once."""

import pytest
import torch

from small_models import make
from variate.evaluation.scores.attribution import element_terms
from variate.likelihoods import blocks


@pytest.mark.parametrize("most", [1, 300, 2_000, 10**9])
@pytest.mark.parametrize("name", ["quantized-gaussian", "columns"])
def test_blocks_of_any_size_give_the_same(name, most, monkeypatch):
    vae, rows = make(name)
    x = rows[:7]
    outputs, mask = torch.randn(5, 7, *vae.likelihood.out_shape), torch.rand(x.shape) < 0.7
    plain = vae.likelihood(outputs)
    sizes = []
    monkeypatch.setattr(blocks, "BLOCK_NUMBERS", most)
    original = type(vae.likelihood).distribution
    monkeypatch.setattr(
        type(vae.likelihood), "distribution", lambda self, own: sizes.append(own.shape[:2]) or original(self, own)
    )
    for seen in (None, mask):
        sizes.clear()
        with torch.no_grad():
            found, elements = vae.likelihood.log_prob(outputs, x, seen), element_terms(vae.likelihood, outputs, x, seen)
        torch.testing.assert_close(found, plain.log_prob(x, seen))
        torch.testing.assert_close(elements.nats.flatten(2).sum(-1), found)
        assert sum(draws * own for draws, own in sizes) == 2 * 35  # each draw of each row once, in both
        size = outputs[0, 0].numel()
        assert all(draws * own == 1 or draws * own * size <= most for draws, own in sizes)
        assert (len(sizes) == 2) == (35 * size <= most)


def test_what_has_a_gradient_is_scored_at_once(monkeypatch):
    vae, rows = make("columns")
    monkeypatch.setattr(blocks, "BLOCK_NUMBERS", 1)
    outputs = torch.randn(3, 4, *vae.likelihood.out_shape, requires_grad=True)
    calls = []
    blocks.by_blocks(
        lambda *given: calls.append(given) or given[:1], outputs, rows[:4], None, len(vae.likelihood.out_shape)
    )
    assert len(calls) == 1
