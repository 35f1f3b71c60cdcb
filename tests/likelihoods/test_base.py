"""What every likelihood keeps, whatever its data."""

import math

import numpy as np
import pytest
import torch

from variate import likelihoods
from variate.config.schema import Column
from variate.errors import InputError
from variate.likelihoods import checks
from variate.likelihoods.categorical_columns import CategoricalColumns
from variate.likelihoods.scale import Scale

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
    "categorical columns": (
        lambda: CategoricalColumns([3, 9, 2]),
        lambda: torch.randint(0, 2, (N, 3)) * torch.tensor([2, 8, 1]),
    ),
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


def test_floors_are_reported_per_element(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    floored = likelihood.floored()
    assert floored is None or (floored.shape == likelihood.event_shape and not floored.any())


def test_the_hot_path_gives_the_same_log_probabilities(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(2, N, *likelihood.out_shape)
    assert torch.equal(likelihood.log_prob(outputs, rows), likelihood(outputs).log_prob(rows))


def test_elements_sum_to_rows_and_masks_to_marginals(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(2, N, *likelihood.out_shape)
    p_x = likelihood(outputs)
    elements = p_x.log_prob_elements(rows)
    assert elements.shape == (2, N, *likelihood.event_shape)
    torch.testing.assert_close(elements.flatten(2).sum(-1), p_x.log_prob(rows))
    torch.testing.assert_close(p_x.factor(0).log_prob(rows), elements)
    mask = torch.rand(rows.shape) < 0.5
    expected = torch.where(mask, elements, 0).flatten(2).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(outputs, rows, mask), expected)
    torch.testing.assert_close(p_x.log_prob(rows, mask), expected)


def test_what_is_not_observed_reaches_neither_value_nor_gradient(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    mask = torch.rand(rows.shape) < 0.5
    hidden = torch.where(mask, rows.double(), torch.nan)
    found = []
    for x in (rows, hidden):
        outputs = torch.linspace(-1, 1, 2 * N * math.prod(likelihood.out_shape))
        outputs = outputs.reshape(2, N, *likelihood.out_shape).requires_grad_()
        log_p = likelihood.log_prob(outputs, x, mask)
        found.append((log_p.detach(), *torch.autograd.grad(log_p.sum(), (outputs, *likelihood.parameters()))))
    for plain, with_nan in zip(*found, strict=True):
        assert with_nan.isfinite().all()
        torch.testing.assert_close(with_nan, plain, rtol=1e-12, atol=1e-12)


def test_the_distribution_functions_go_with_the_draws(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    p_x = likelihood(0.1 * torch.randn(N, *likelihood.out_shape))
    elements = p_x.factor(0)
    draws = p_x.sample((5,), torch.Generator().manual_seed(0))
    below, through = elements.cdf_below(draws), elements.cdf(draws)
    assert elements.contains(draws).all()
    assert (below <= through).all()
    assert abs((below + through).mean() / 2 - 0.5) < 5 / (12 * draws.numel()) ** 0.5
    middle = elements.quantile((below + through) / 2)
    torch.testing.assert_close(middle, draws.double(), rtol=1e-6, atol=1e-6)


def test_every_scale_is_multiplied_by_a_factor(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(N, *likelihood.out_shape)
    before = {name: tensor.clone() for name, tensor in likelihood.state_dict().items()}
    expected = likelihood(outputs).log_prob(rows)
    log_factor = math.log(2)
    rescaled = likelihood.rescaled(log_factor)
    has_scale = any(isinstance(module, Scale) for module in likelihood.modules())
    assert (rescaled is not None) == has_scale
    assert torch.equal(likelihood(outputs).log_prob(rows), expected), "the likelihood itself is not changed"
    assert all(torch.equal(before[name], tensor) for name, tensor in likelihood.state_dict().items())
    if rescaled is None:
        return
    assert not torch.allclose(rescaled(outputs).log_prob(rows), expected)
    torch.testing.assert_close(likelihood.rescaled(0.0).log_prob(outputs, rows), expected)
    torch.testing.assert_close(rescaled.rescaled(-log_factor).log_prob(outputs, rows), expected)
    tensor = likelihood.rescaled(torch.tensor(log_factor))
    torch.testing.assert_close(tensor.log_prob(outputs, rows), rescaled.log_prob(outputs, rows))


def test_only_an_optimal_scale_is_frozen(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    before = {name: tensor.clone() for name, tensor in likelihood.state_dict().items()}
    likelihood.freeze(torch.tensor(4.0))
    same = all(torch.equal(before[name], tensor) for name, tensor in likelihood.state_dict().items())
    assert same != likelihood.needs_freezing
    assert likelihood.couples_rows == likelihood.needs_freezing


def test_squared_residuals_are_those_of_the_mean(case):
    likelihood, rows, _ = case
    likelihood.fit_scaling(rows)
    outputs = torch.randn(2, N, *likelihood.out_shape)
    unit = getattr(likelihood, "unit", torch.ones(()))
    expected = ((rows - likelihood(outputs).mean) / unit).square()
    torch.testing.assert_close(likelihood.squared_residuals(outputs, rows), expected)


def test_names_are_not_quantities_and_pixels_have_a_range():
    assert not CategoricalColumns([4, 3]).is_quantity().any()
    assert likelihoods.Categorical(EVENT, 4).is_quantity().all()
    assert likelihoods.Columns(COLUMNS).is_quantity().tolist() == [True, False, True, True, True, False]
    ranges = {
        likelihoods.Bernoulli(EVENT): 1.0,
        likelihoods.DiscretizedLogistic(EVENT): 255.0,
        likelihoods.QuantizedGaussian(EVENT, 16): 15.0,
        likelihoods.Categorical(EVENT, 4): 3.0,
        likelihoods.Categorical(EVENT, 1): 1.0,
        CategoricalColumns([4, 3]): None,
        likelihoods.Gaussian(EVENT): None,
        likelihoods.Poisson(EVENT): None,
        likelihoods.Columns(COLUMNS): None,
    }
    assert all(likelihood.value_range == expected for likelihood, expected in ranges.items())


STATES = {
    "bernoulli": ["mean_logit"],
    "categorical": ["log_frequency"],
    "poisson": ["offset"],
    "negative-binomial dimension": ["log_dispersion", "offset", "initial_log_dispersion"],
    "negative-binomial conditional": ["offset", "initial_log_dispersion"],
    "gaussian fixed": ["offset", "unit", "scale.log_scale"],
    "gaussian dimension": ["offset", "unit", "scale.raw"],
    "gaussian conditional": ["offset", "unit"],
    "gaussian optimal": ["offset", "unit", "scale.log_scale"],
    "student-t dimension": ["raw_df", "offset", "unit", "scale.raw"],
    "quantized-gaussian shared": ["start", "scale.raw"],
    "discretized-logistic conditional x3": ["start"],
    "columns": [
        *("parts.0.offset", "parts.0.unit", "parts.0.scale.raw", "parts.1.mean_logit"),
        *("parts.2.log_dispersion", "parts.2.offset", "parts.2.initial_log_dispersion"),
        *("parts.3.log_frequency", "parts.3.log_unseen"),
    ],
}


@pytest.mark.parametrize("name", STATES)
def test_names_in_model_files_stay(name):
    assert list(CASES[name][0]().state_dict()) == STATES[name]


def test_outputs_of_another_shape_are_our_own_mistake(case):
    likelihood, _, _ = case
    with pytest.raises(AssertionError, match="outputs must end in"):
        likelihood(torch.zeros(5, *likelihood.out_shape, 1))


BITS = torch.tensor([[0.0, 1.0]])
GREY = torch.tensor([[0, 255]], dtype=torch.uint8)
UNIT = torch.tensor([[0.0, 0.5]])
SIGNED = torch.tensor([[-3.0, 2.0]])


@pytest.mark.parametrize(
    ("likelihood", "rows", "expected", "got", "instead"),
    [
        (likelihoods.Bernoulli((2,)), GREY, "bits", "integers from 0 to 255 (uint8)", "discretized-logistic"),
        (likelihoods.Bernoulli((2,)), UNIT, "bits", "real numbers from 0 to 0.5, such as 0.5", "gaussian"),
        (likelihoods.Bernoulli((2,)), GREY, "'bernoulli'", "255", "binarize='dynamic'"),
        (likelihoods.DiscretizedLogistic((2,)), UNIT, "0 to 255", "real numbers", "gaussian"),
        (likelihoods.DiscretizedLogistic((2,), 16), GREY, "0 to 15", "integers from 0 to 255", "undo the scaling"),
        (likelihoods.QuantizedGaussian((2,)), SIGNED, "'quantized-gaussian'", "integers from -3 to 2", "gaussian"),
        (likelihoods.Categorical((2,), 4), GREY, "codes from 0 to 3", "255", "negative-binomial"),
        (likelihoods.Gaussian((2,)), GREY, "real numbers for likelihood 'gaussian'", "uint8", "discretized-logistic"),
        (likelihoods.Gaussian((2,)), GREY, "real numbers", "integers", "float"),
        (likelihoods.StudentT((2,)), SIGNED * np.nan, "'student-t'", "NaN or infinity", "remove"),
        (likelihoods.Poisson((2,)), SIGNED, "counts", "integers from -3 to 2", "gaussian"),
        (likelihoods.NegativeBinomial((2,)), UNIT, "'negative-binomial'", "0.5", "student-t"),
    ],
)
def test_other_data_are_rejected_and_the_right_likelihood_named(likelihood, rows, expected, got, instead):
    with pytest.raises(InputError) as error:
        likelihood.check(rows)
    assert error.value.argument == "x"
    assert expected in error.value.expected
    assert got in error.value.got
    assert instead in error.value.remedy


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
    monkeypatch.setattr("variate.likelihoods.checks.NUMBERS_TESTED_AT_A_TIME", at_a_time)
    for row in range(7):
        rows = torch.ones(7, 2)
        rows[row, 1] = torch.nan
        with pytest.raises(InputError) as error:
            likelihood.check(rows)
        assert error.value.got == "NaN or infinity"


def test_what_checking_takes_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr("variate.likelihoods.checks.NUMBERS_TESTED_AT_A_TIME", 8)
    asked = []
    assert checks.holds(lambda x: asked.append(len(x)) or x == x, torch.zeros(9, 2, 2))
    assert asked == [2, 2, 2, 2, 1]
    assert checks.holds(lambda x: x > 0, torch.zeros(0, 3))
