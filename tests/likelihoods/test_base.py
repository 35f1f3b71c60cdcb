"""What every likelihood keeps, whatever its data."""

import numpy as np
import pytest
import torch

from variate import likelihoods
from variate.config.recipe import Column
from variate.errors import InputError
from variate.likelihoods import checks

N = 40
COLUMNS = (
    Column("age", "real"),
    Column("city", "categorical", ("a", "b", "c")),
    Column("visits", "counts"),
    Column("member", "binary"),
    Column("height", "real"),
    Column("pet", "categorical", ("cat", "dog")),
)


def table(n=N):
    return torch.stack(
        [
            40 + 12 * torch.randn(n),
            torch.randint(0, 3, (n,)).double(),
            torch.randint(0, 9, (n,)).double(),
            torch.randint(0, 2, (n,)).double(),
            1.7 + 0.1 * torch.randn(n),
            torch.randint(0, 2, (n,)).double(),
        ],
        -1,
    )


def real():
    return 100 + 5 * torch.randn(N, 3, 4)


def pixels(levels=256):
    return torch.randint(0, levels, (N, 3, 4), dtype=torch.uint8)


EVENT = (3, 4)
CASES = {
    "bernoulli": (lambda: likelihoods.Bernoulli(EVENT), lambda: pixels(2)),
    "categorical": (lambda: likelihoods.Categorical(EVENT, 8), lambda: pixels(8)),
    "poisson": (lambda: likelihoods.Poisson(EVENT), lambda: pixels(20)),
    "columns": (lambda: likelihoods.Columns(COLUMNS), table),
    "columns, heavy": (lambda: likelihoods.Columns(COLUMNS, "student-t", "poisson", "conditional"), table),
}
for mode in ("dimension", "conditional"):
    CASES[f"negative-binomial {mode}"] = (lambda m=mode: likelihoods.NegativeBinomial(EVENT, m), lambda: pixels(20))
for mode in ("fixed", "shared", "dimension", "conditional"):
    sigma = 2.0 if mode == "fixed" else None
    CASES[f"gaussian {mode}"] = (lambda m=mode, s=sigma: likelihoods.Gaussian(EVENT, m, s), real)
    CASES[f"student-t {mode}"] = (lambda m=mode, s=sigma: likelihoods.StudentT(EVENT, m, s), real)
    CASES[f"quantized-gaussian {mode}"] = (
        lambda m=mode, s=sigma: likelihoods.QuantizedGaussian(EVENT, 256, m, s),
        pixels,
    )
    for k in (1, 3):
        CASES[f"discretized-logistic {mode} x{k}"] = (
            lambda m=mode, s=sigma, k=k: likelihoods.DiscretizedLogistic(EVENT, 256, k, m, s),
            pixels,
        )
CASES["gaussian optimal"] = (lambda: likelihoods.Gaussian(EVENT, "optimal").eval(), real)


@pytest.fixture(params=list(CASES))
def case(request):
    make, rows = CASES[request.param]
    return make(), rows(), make


def test_batches_are_those_of_the_outputs(case):
    likelihood, rows, _ = case
    likelihood.check(rows)
    likelihood.fit_scaling(rows)
    p_x = likelihood(0.1 * torch.randn(2, N, *likelihood.out_shape))
    assert (p_x.batch_shape, p_x.event_shape) == ((2, N), likelihood.event_shape)
    log_p = p_x.log_prob(rows)
    assert log_p.shape == (2, N)
    assert log_p.isfinite().all()
    assert p_x.mean.shape == (2, N, *likelihood.event_shape)
    draws = p_x.sample((3,))
    assert draws.shape == (3, 2, N, *likelihood.event_shape)
    assert p_x.log_prob(draws).isfinite().all()
    wider = p_x.expand((4, 2, N))
    torch.testing.assert_close(wider.log_prob(rows), log_p.expand(4, 2, N))


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("columns")])
def test_a_mass_is_at_most_zero_nats_and_a_density_knows_no_such_bound(name):
    make, data = CASES[name]
    likelihood, rows = make(), data()
    if not likelihood.is_mass:
        rows = 1e-9 * rows
        if "fixed" in name:
            likelihood = type(likelihood)(EVENT, "fixed", 1e-8)
    likelihood.fit_scaling(rows)
    log_p = likelihood(torch.zeros(N, *likelihood.out_shape)).log_prob(rows)
    assert ((log_p <= 0) == likelihood.is_mass).all()


def test_what_the_data_set_is_saved_and_what_is_learned_is_learned(case):
    likelihood, rows, make = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(N, *likelihood.out_shape)
    copy = make()
    copy.load_state_dict(likelihood.state_dict())
    assert torch.equal(copy(outputs).log_prob(rows), likelihood(outputs).log_prob(rows))
    before = {name: parameter.clone() for name, parameter in likelihood.named_parameters()}
    likelihood.fit_scaling(rows[: N // 2])
    assert all(torch.equal(before[name], parameter) for name, parameter in likelihood.named_parameters())


def test_gradients_reach_every_output_and_parameter(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(N, *likelihood.out_shape, requires_grad=True)
    likelihood(outputs).log_prob(rows).sum().backward()
    assert outputs.grad.isfinite().all()
    assert (outputs.grad.flatten(1).abs().sum(0) > 0).all()
    for parameter in likelihood.parameters():
        assert parameter.grad.isfinite().all()
        assert (parameter.grad != 0).any()


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_half_precision_outputs_give_float32_densities(case, low):
    likelihood, rows, _ = case
    outputs = torch.randn(N, *likelihood.out_shape).to(low)
    log_p = likelihood(outputs).log_prob(rows)
    assert log_p.dtype == torch.float32
    assert torch.equal(log_p, likelihood(outputs.float()).log_prob(rows))
    assert likelihood(outputs.double()).log_prob(rows).dtype == torch.float64


def test_float32_agrees_with_float64(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(N, *likelihood.out_shape, dtype=torch.float32)
    single, double = likelihood(outputs).log_prob(rows), likelihood(outputs.double()).log_prob(rows)
    assert ((single - double).abs() / (1 + double.abs())).max() < 1e-5


def test_extreme_outputs_give_finite_values_and_gradients(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    for size in (-1e6, -30.0, 30.0, 1e6):
        outputs = torch.full((N, *likelihood.out_shape), size, dtype=torch.float32, requires_grad=True)
        log_p = likelihood(outputs).log_prob(rows)
        assert log_p.isfinite().all()
        assert torch.autograd.grad(log_p.sum(), outputs)[0].isfinite().all()


def test_floors_are_reported_an_element(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    floored = likelihood.floored()
    assert floored is None or (floored.shape == likelihood.event_shape and not floored.any())


def test_outputs_of_another_shape_are_our_own_mistake(case):
    likelihood, _, _ = case
    with pytest.raises(AssertionError, match="outputs must end in"):
        likelihood(torch.zeros(5, *likelihood.out_shape, 1))


BITS = torch.tensor([[0.0, 1.0]])
GREY = torch.tensor([[0, 255]], dtype=torch.uint8)
UNIT = torch.tensor([[0.0, 0.5]])
SIGNED = torch.tensor([[-3.0, 2.0]])


@pytest.mark.parametrize(
    ("likelihood", "rows", "message"),
    [
        (
            likelihoods.Bernoulli((2,)),
            GREY,
            r"bits, but x holds integers from 0 to 255 \(uint8\).*discretized-log.*--binar",
        ),
        (likelihoods.Bernoulli((2,)), UNIT, r"holds real numbers from 0 to 0.5, such as 0.5.*gaussian"),
        (
            likelihoods.DiscretizedLogistic((2,)),
            UNIT,
            r"integers 0 to 255, but x holds real.*gaussian.*undo the scaling",
        ),
        (likelihoods.DiscretizedLogistic((2,), 16), GREY, r"integers 0 to 15, but x holds integers from 0 to 255"),
        (likelihoods.QuantizedGaussian((2,)), SIGNED, r"quantized-gaussian is a likelihood of the integers 0 to 255"),
        (likelihoods.Categorical((2,), 4), GREY, r"codes 0 to 3.*negative-binomial"),
        (likelihoods.Gaussian((2,)), GREY, r"gaussian is a density of real.*discretized-logistic \(pixels\).*float"),
        (likelihoods.StudentT((2,)), SIGNED * np.nan, r"student-t is a density of real numbers, but x holds NaN"),
        (likelihoods.Poisson((2,)), SIGNED, r"poisson is a likelihood of counts.*integers from -3 to 2.*gaussian"),
        (likelihoods.NegativeBinomial((2,)), UNIT, r"negative-binomial is a likelihood of counts"),
    ],
)
def test_other_data_are_refused_and_the_right_likelihood_named(likelihood, rows, message):
    with pytest.raises(InputError, match=message):
        likelihood.check(rows)


def test_bits_are_also_pixels_counts_and_reals():
    for likelihood in (
        likelihoods.Bernoulli((2,)),
        likelihoods.DiscretizedLogistic((2,)),
        likelihoods.NegativeBinomial((2,)),
        likelihoods.Gaussian((2,)),
    ):
        assert likelihood.check(BITS) is None


@pytest.mark.parametrize(
    "likelihood",
    [
        likelihoods.Bernoulli((2,)),
        likelihoods.DiscretizedLogistic((2,)),
        likelihoods.Categorical((2,), 4),
        likelihoods.Poisson((2,)),
        likelihoods.Gaussian((2,)),
    ],
    ids=lambda likelihood: type(likelihood).__name__,
)
@pytest.mark.parametrize("at_a_time", [1, 6, 1000])
def test_a_single_bad_value_is_found_wherever_it_lies(likelihood, at_a_time, monkeypatch):
    monkeypatch.setattr("variate.likelihoods.checks.NUMBERS_AT_A_TIME", at_a_time)
    for row in range(7):
        rows = torch.ones(7, 2)
        rows[row, 1] = torch.nan
        with pytest.raises(InputError, match="NaN or Inf"):
            likelihood.check(rows)


def test_what_checking_takes_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr("variate.likelihoods.checks.NUMBERS_AT_A_TIME", 8)
    asked = []
    assert checks.holds(lambda x: asked.append(len(x)) or x == x, torch.zeros(9, 2, 2))
    assert asked == [2, 2, 2, 2, 1]
    assert checks.holds(lambda x: x > 0, torch.zeros(0, 3))
