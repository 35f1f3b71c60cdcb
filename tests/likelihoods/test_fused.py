"""When a likelihood is compiled; tests/runtime/test_compile.py compares what that gives."""

import math

import pytest
import torch

from variate import likelihoods
from variate.likelihoods import fused as fusing
from variate.likelihoods.fused import SECONDS_TO_FUSE, can_fuse, fused, scoring, seconds_saved

EVENT = (3, 2)


@pytest.mark.parametrize(
    ("likelihood", "fusable"),
    [
        (likelihoods.Gaussian(EVENT, "optimal", None), False),  # rows are coupled
        (likelihoods.Gaussian(EVENT, "dimension", None), False),  # the scale is trained and sums over rows
        (likelihoods.Gaussian(EVENT, "fixed", 1.0), True),
        (likelihoods.DiscretizedLogistic(EVENT, 16, 3, "conditional", None), True),
    ],
)
def test_what_can_be_fused(likelihood, fusable):
    assert can_fuse(likelihood) == fusable


def test_seconds_saved_grow_with_the_numbers_beyond_one_per_element():
    assert seconds_saved(likelihoods.Bernoulli(EVENT), 10**9) == 0
    mixture = likelihoods.DiscretizedLogistic(EVENT, 16, 3, "conditional", None)
    extra = math.prod(mixture.out_shape) - math.prod(EVENT)
    assert seconds_saved(mixture, 1_000) == pytest.approx(1_000 * extra * seconds_saved(mixture, 1) / extra)
    assert seconds_saved(mixture, 10, per_number=2.0) == pytest.approx(10 * extra * 2)


@pytest.mark.parametrize("draws", [(), (2,), (3, 2)])
@pytest.mark.parametrize(
    ("likelihood", "levels"),
    [
        (likelihoods.Bernoulli(EVENT), 2),
        (likelihoods.DiscretizedLogistic(EVENT, 16, 3, "conditional", None), 16),
        (likelihoods.Categorical(EVENT, 16), 16),
        (likelihoods.Poisson(EVENT), 9),
    ],
)
def test_value_and_gradient_of_one_pass_are_those_of_autograd(monkeypatch, likelihood, levels, draws):
    # Without the compiler: the same function, run as it is.
    monkeypatch.setattr(fusing, "compiled", lambda function: function)
    x = torch.randint(0, levels, (7, *EVENT))
    outputs = torch.randn(*draws, 7, *likelihood.out_shape, requires_grad=True)
    upstream = torch.rand(*draws, 7)
    found, expected = fused(likelihood)(outputs, x), likelihood.log_prob(outputs, x)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((upstream * log_p).sum(), outputs)[0] for log_p in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("compiler", [True, False])
def test_scores_are_compiled_only_where_that_pays_and_there_is_a_compiler(monkeypatch, compiler):
    monkeypatch.setattr(fusing, "can_compile", lambda device: compiler)
    monkeypatch.setattr(fusing, "compiled", lambda function: lambda *arguments: function(*arguments) + 1)
    mixture = likelihoods.DiscretizedLogistic(EVENT, 16, 3, "conditional", None)
    enough = math.ceil(SECONDS_TO_FUSE / seconds_saved(mixture, 1, fusing.SECONDS_PER_SCORED_NUMBER))
    cpu = torch.device("cpu")
    assert scoring(mixture, (5,), enough - 10, cpu) == mixture.log_prob
    log_prob = scoring(mixture, (5,), enough + 10, cpu)
    if not compiler:
        assert log_prob == mixture.log_prob
        return
    x, mask = torch.zeros(EVENT), torch.ones(EVENT, dtype=torch.bool)
    outputs = torch.randn(5, *mixture.out_shape)
    torch.testing.assert_close(log_prob(outputs, x), mixture.log_prob(outputs, x) + 1)
    for found, expected in (
        (log_prob(outputs, x, mask), mixture.log_prob(outputs, x, mask)),
        (log_prob(outputs[:3], x), mixture.log_prob(outputs[:3], x)),  # a shape that was not announced
    ):
        torch.testing.assert_close(found, expected)
