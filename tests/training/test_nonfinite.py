"""What is said of a step that is not finite: the cause, and what to do about this cause and no other."""

import pytest
import torch

import variate
from variate import Batch, ModelOptions, NonFiniteError, TrainingOptions
from variate.errors import Option
from variate.runtime.distributed import Processes
from variate.runtime.random import Key, generator
from variate.training.nonfinite import explain
from variate.training.trainer import Loss

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")

LOWER, FULL = Option("lr"), Option("precision", "float32")
SHORT = {"epochs": 2, "batch_size": 50, "compile": "off"}


@pytest.fixture
def rows():
    torch.set_default_dtype(torch.float32)
    return torch.randn(50, 6)


def small(rows):
    return variate.build(rows, ModelOptions(latent=2, width=8, depth=1, likelihood="gaussian"))


def explained(model, rows, step):
    """The error about a step with these rows."""
    batch = Batch(rows)
    noise = model.posterior_noise(Key(generator(0), len(rows)), 1, len(rows))
    loss = Loss(model, TrainingOptions(), Processes())
    score = lambda: loss.score(batch, noise, torch.ones(()))  # noqa: E731
    return explain(model, score, batch, torch.arange(len(rows)), step, Processes())


def options(error):
    """The options that the error names."""
    (said,) = error.args
    return [part for part in said.parts if isinstance(part, Option)]


@pytest.mark.parametrize("step", [0, 7])
def test_a_row_whose_squares_overflow_is_to_blame_itself(rows, step):
    model = small(rows)
    rows[17, 3] = 1e30
    error = explained(model, rows, step)
    assert "of row 17 is not finite" in str(error)
    assert "the data hold 1e+30" in str(error)
    assert options(error) == []


def test_weights_that_have_grown_call_for_a_lower_learning_rate(rows):
    model = small(rows)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1e20)
    assert options(explained(model, rows, 7)) == [LOWER]
    assert options(explained(model, rows, 0)) == []
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    error = explained(model, rows, 7)
    assert "not finite already" in str(error)
    assert options(error) == [LOWER]


class Picky(torch.nn.Module):
    """Finite in full precision only."""

    def forward(self, x):
        return x if x.dtype == torch.float32 else x * torch.inf


def test_bfloat16_is_to_blame_where_the_same_step_is_finite_without_it(rows):
    model = small(rows)
    model.decoder.network.inner.layers.insert(1, Picky())
    with pytest.raises(NonFiniteError) as raised:
        variate.fit(model, rows, precision="bfloat16", **SHORT)
    assert options(raised.value) == [FULL]
    assert all(weight.dtype == torch.float32 for weight in model.parameters())
    variate.fit(model, rows, precision="float32", **SHORT)


class Bad(torch.nn.Module):
    """Finite in no precision."""

    def forward(self, x):
        return x * torch.inf


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_another_precision_is_not_recommended_where_it_does_not_help(rows, precision):
    model = small(rows)
    model.decoder.network.inner.layers.insert(1, Bad())
    with pytest.raises(NonFiniteError) as raised:
        variate.fit(model, rows, precision=precision, **SHORT)
    assert options(raised.value) == []
    assert "(Bad)" in str(raised.value)


def test_what_is_not_observed_and_weights_that_are_not_trained_are_left_out(rows):
    model = small(rows)
    model.encoder.requires_grad_(requires_grad=False)
    mask = torch.ones(50, 6, dtype=torch.bool)
    mask[3, 2] = False
    rows[3, 2] = 1e30
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(1e20)
    batch = Batch(rows, mask)
    noise = model.posterior_noise(Key(generator(0), 50), 1, 50)
    loss = Loss(model, TrainingOptions(), Processes())
    score = lambda: loss.score(batch, noise, torch.ones(()))  # noqa: E731
    assert options(explain(model, score, batch, torch.arange(50), 7, Processes())) == [LOWER]
