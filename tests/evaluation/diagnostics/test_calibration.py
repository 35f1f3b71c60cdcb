import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence

from conditional_linear import ConditionalLinear
from examples import COLUMNS, table
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import Column, ModelOptions, Schema, build, from_arrays
from variate.distributions.normal import NormalElements
from variate.distributions.rows import Independent
from variate.evaluation.diagnostics import calibration as module
from variate.evaluation.diagnostics.calibration import LEVELS, Calibration, calibration, compare_with_draws
from variate.runtime.random import generator

BINS, DRAWS = 20, 99


def law(p, draws=DRAWS):
    """The distribution function of u = (R + U) / (S + 1), R ~ Binomial(S, p), over equally likely values of p."""
    ranks = stats.binom.pmf(np.arange(draws + 1), draws, np.asarray(p)[:, None]).mean(0)
    edges = np.linspace(0, 1, draws + 2)
    return lambda u: np.interp(u, edges, np.concatenate([[0], ranks.cumsum()]))


def normal_law(factor, draws=DRAWS):
    """That of data wider than their normal p(x|z) by this factor."""
    quantiles = stats.norm.ppf((np.arange(5_000) + 0.5) / 5_000)
    return law(stats.norm.cdf(factor * quantiles), draws)


def chi2(pit):
    return stats.chisquare(pit.numpy()).pvalue


def expected_cost(of, dimensions, n):
    """Of the exact frequencies, in nats a row, and the standard error that n elements give it."""
    frequency = np.diff(of(np.linspace(0, 1, BINS + 1)))
    ratio = np.log(frequency * BINS)
    mean = (frequency * ratio).sum()
    return dimensions * mean, dimensions * math.sqrt((frequency * (ratio - mean) ** 2).sum() / n)


def ignoring(dim=30, sigma=1.0):
    """A model whose p(x|z) is N(mu, sigma^2 I) whatever z."""
    model = LinearGaussian(dim=dim, latent=2, sigma=sigma)
    vae = model.vae("full")
    with torch.no_grad():
        vae.decoder.network.inner.layers[-1].weight.zero_()
    return vae, model.mu


def assert_calibrated(found):
    assert chi2(found.pit) > 0.001
    for level, share in found.mean_coverage.items():
        assert abs(share.value - level) <= 4 * share.stderr
    assert near(found, 1.0)
    # 2 n KL is chi-square with 19 degrees of freedom, as is the test statistic above.
    n, rows = found.pit.sum().item(), len(found.which)
    assert -19 <= 2 * rows * found.cost <= stats.chi2(19).ppf(0.999) - 19
    assert n % rows == 0


def near(found, spread, k=4):
    """Whether the spread is right within k standard errors of the mean square it comes from."""
    error = k * found.squared.std() / math.sqrt(len(found.squared))
    low, high = (found._replace(squared=found.squared.mean().reshape(1) + by).spread for by in (-error, error))
    return low <= spread <= high


@pytest.mark.parametrize("draws", [19, 99])
def test_an_exact_model_is_calibrated(draws):
    model = LinearGaussian(dim=20, latent=3, sigma=0.7)
    found = calibration(model.vae("full"), model.draw(400), num_rows=300, num_samples=draws)
    assert found.pit.sum() == 300 * 20
    assert_calibrated(found)
    assert abs(found.mean_residual.value - 1) <= 4 * found.mean_residual.stderr


@pytest.mark.parametrize("draws", [9, 99])
@pytest.mark.parametrize("factor", [0.2, 0.8, 1.3, 2.0])
def test_a_scale_that_is_off_has_its_closed_forms(factor, draws):
    sigma = 1.5
    vae, mu = ignoring(sigma=sigma)
    x = mu + factor * sigma * torch.randn(200, 30)
    found, of = calibration(vae, x, num_rows=None, num_samples=draws), normal_law(factor, draws)
    for level, share in found.mean_coverage.items():
        # Where all 6,000 elements lie inside, no error is seen: up to 5 in 6,000 might still lie outside.
        assert abs(share.value - (of(0.5 + level / 2) - of(0.5 - level / 2))) <= 4 * share.stderr + 5 / 6_000
    assert abs(found.mean_residual.value - factor**2) <= 4 * found.mean_residual.stderr
    assert near(found, factor)
    cost, error = expected_cost(of, 30, 200 * 30)
    assert abs(found.cost - cost) <= 4 * error
    # What the right scale would win is more: finitely many draws and bins blur, most of all in the tails.
    best = 30 * kl_divergence(Normal(0.0, factor * sigma), Normal(0.0, sigma)).item()
    assert 0 < found.cost <= best + 4 * error


def test_with_many_draws_the_cost_of_a_scale_is_what_the_right_one_would_win():
    vae, mu = ignoring()
    found = calibration(vae, mu + 0.5 * torch.randn(100, 30), num_rows=None, num_samples=999)
    best = 30 * kl_divergence(Normal(0.0, 0.5), Normal(0.0, 1.0)).item()
    _, error = expected_cost(normal_law(0.5, 999), 30, 100 * 30)
    assert 0.95 * best - 4 * error <= found.cost <= best + 4 * error


def test_with_many_draws_coverage_is_that_of_the_normal():
    vae, mu = ignoring()
    found = calibration(vae, mu + 2 * torch.randn(100, 30), num_rows=None, num_samples=999)
    for level, share in found.mean_coverage.items():
        exact = 2 * stats.norm.cdf(stats.norm.ppf((1 + level) / 2) / 2) - 1
        assert abs(share.value - exact) <= 4 * share.stderr + 0.01


def test_a_location_that_is_off_makes_a_slope():
    vae, mu = ignoring()
    pit = calibration(vae, mu + 0.5 + torch.randn(200, 30), num_rows=None).pit
    assert pit[-1] > 2 * pit[0]
    assert pit[10:].sum() > 1.5 * pit[:10].sum()


def constant(rows, **options):
    """A model of these rows whose p(x|z) is some distribution of its family, whatever z, and rows drawn from it."""
    vae = build(rows, ModelOptions(latent=2, width=8, depth=1, network="mlp", **options))
    vae.double()
    source = generator(1)
    with torch.no_grad():
        for parameter in vae.decoder.network.parameters():
            parameter.zero_()
        bias = vae.decoder.network.inner.layers[-1].bias
        bias.copy_(0.3 * torch.randn(bias.shape, generator=source))
        return vae, vae.likelihood(vae.decoder(torch.zeros(200, 2))).sample(generator=source)


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("likelihood", ["discretized-logistic", "quantized-gaussian", "categorical"])
def test_pixels_drawn_from_the_model_are_calibrated(likelihood):
    rows = rng().integers(0, 256, (30, 1, 5, 5), dtype=np.uint8)
    vae, x = constant(rows, likelihood=likelihood)
    assert_calibrated(calibration(vae, x.to(torch.uint8), num_rows=None))


def test_a_mixture_drawn_from_the_model_is_calibrated():
    vae, x = constant(rng().integers(0, 256, (30, 1, 5, 5), dtype=np.uint8), mixtures=3)
    assert vae.likelihood.mixtures == 3
    assert_calibrated(calibration(vae, x, num_rows=None))


@pytest.mark.parametrize(
    ("kind", "likelihood", "rows"),
    [
        ("binary", "bernoulli", rng().integers(0, 2, (30, 20), dtype=np.uint8)),
        ("counts", "poisson", rng().poisson(2, (30, 20))),
        ("counts", "negative-binomial", rng().poisson(rng().gamma(2, 2, (30, 20)))),
        ("real", "student-t", rng().standard_t(3, (30, 20))),
    ],
)
def test_rows_drawn_from_the_model_are_calibrated(kind, likelihood, rows):
    vae, x = constant(rows, likelihood=likelihood)
    assert vae.likelihood.event_shape == Schema(kind, (20,)).shape
    assert_calibrated(calibration(vae, x, num_rows=None))


def test_tables_drawn_from_the_model_are_calibrated():
    vae, x = constant(table())
    found = calibration(vae, x, num_rows=None)
    assert_calibrated(found)
    assert found.pit.sum() == 200 * len(COLUMNS)


def test_bits_that_are_rarer_than_the_model_says_cost_their_divergence():
    # u has density (1 - a) / (1 - b) below 1 - b and a / b above, so KL(u) is that of the two Bernoullis.
    a, b, dim, n = 0.3, 0.5, 20, 500
    vae, _ = constant(rng().integers(0, 2, (30, dim), dtype=np.uint8), likelihood="bernoulli")
    with torch.no_grad():
        vae.decoder.network.inner.layers[-1].bias.zero_()
        vae.likelihood.mean_logit.zero_()
    x = (torch.rand(n, dim) < a).to(torch.uint8)
    found = calibration(vae, x, num_rows=None)
    uniform = (np.arange(10_000) + 0.5) / 10_000
    of = law(np.where(uniform < 1 - a, uniform / (1 - a) * (1 - b), 1 - b + (uniform - (1 - a)) / a * b))
    cost, error = expected_cost(of, dim, n * dim)
    assert abs(found.cost - cost) <= 4 * error
    best = dim * (a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b)))
    assert 0.9 * best - 4 * error <= found.cost <= best + 4 * error


def test_names_and_constants_have_no_residual():
    vae, x = constant(table())
    assert calibration(vae, x, num_rows=20).residual.isfinite().all()
    rows = np.full((5, 1, 5, 5), 7, dtype=np.uint8)
    vae, _ = constant(rows, likelihood="categorical")
    with torch.no_grad():
        vae.likelihood.log_frequency.fill_(-1e9)
        vae.likelihood.log_frequency[7] = 0
    found = calibration(vae, rows)
    assert found.residual.isnan().all()
    assert math.isnan(found.mean_residual.value)
    assert found.pit.sum() == 125


def test_a_table_of_names_has_no_residual():
    columns = (Column("a", "categorical", ("x", "y", "z")), Column("b", "categorical", ("u", "v")))
    values = rng().integers(0, 2, (20, 2)).astype(np.float64)
    vae, x = constant(from_arrays(values, schema=Schema("table", (2,), columns=columns)))
    found = calibration(vae, x, num_rows=None)
    assert found.residual.isnan().all()
    assert_calibrated(found)


def test_a_row_has_the_same_draws_whichever_are_beside_it():
    model = LinearGaussian(dim=6, latent=3, sigma=0.7)
    vae, x = model.vae("full"), model.draw(30)
    some, every = calibration(vae, x, num_rows=10), calibration(vae, x, num_rows=None)
    torch.testing.assert_close(some.squared, every.squared[some.which], atol=1e-12, rtol=0)
    torch.testing.assert_close(some.residual, every.residual[some.which], atol=1e-12, rtol=0)
    torch.testing.assert_close(some.coverage, every.coverage[:, some.which], atol=1e-12, rtol=0)


@pytest.mark.parametrize("at_a_time", [1, 12, 10_000])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_counts_and_moments_are_those_of_the_draws(monkeypatch, at_a_time, offset):
    monkeypatch.setattr(module, "NUMBERS_AT_A_TIME", at_a_time)
    drawn = offset + torch.randint(0, 5, (40, 1, 1, 2, 3)).double()
    drawn[..., 1, 2] = offset
    x, given = drawn[7, 0, 0], iter(drawn)

    class Replayed(Independent):
        def __init__(self):
            super().__init__(NormalElements(drawn[0], drawn[0]), 2)

        def sample(self, sample_shape=(), generator=None):
            return torch.stack([next(given) for _ in range(sample_shape[0])])

    found = compare_with_draws(Replayed(), x, 40, generator(0))
    draws = drawn[:, 0, 0]
    torch.testing.assert_close(found.below, (draws < x).sum(0).flatten().double())
    torch.testing.assert_close(found.ties, (draws == x).sum(0).flatten().double())
    torch.testing.assert_close(found.offset, (x - draws.mean(0)).flatten(), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.variance, draws.var(0).flatten())
    assert found.variance[-1] == 0


@pytest.mark.parametrize("batch_size", [1, 7, 256])
def test_numbers_do_not_depend_on_the_batch_size_and_leave_generators_alone(batch_size):
    model = LinearGaussian(dim=6, latent=3, sigma=0.7)
    vae, x = model.vae("full"), model.draw(60)
    vae.train()
    before = torch.get_rng_state()
    found = calibration(vae, x, num_rows=40, seed=3, batch_size=batch_size)
    assert torch.equal(torch.get_rng_state(), before)
    assert vae.training
    for part, same in zip(found, calibration(vae, x, num_rows=40, seed=3), strict=True):
        torch.testing.assert_close(part, same, atol=1e-9, rtol=0)
    assert found.which.shape == found.residual.shape == (40,)
    assert found.coverage.shape == (len(LEVELS), 40)
    assert not torch.equal(found.pit, calibration(vae, x, num_rows=40, seed=4).pit)


@pytest.mark.parametrize("draws", [9, 99])
def test_spread_of_what_lies_nowhere_else_and_of_what_lies_in_the_middle(draws):
    def of(squared):
        zeros = torch.zeros(1)
        return Calibration(torch.ones(20), zeros.expand(3, 1), zeros, torch.tensor([squared]), zeros, draws).spread

    extreme = (((draws + 0.5) / (draws + 1) - 0.5) ** 2) + 1 / 12 / (draws + 1) ** 2
    assert of(extreme + 1e-12) == math.inf
    assert of(0.0) == 0
    assert of(1 / 12) == pytest.approx(1)


def test_two_groups_of_latents_are_calibrated_or_not():
    model = Ladder().double().make_exact()
    x = model.sample(400, seed=1)
    assert_calibrated(calibration(model, x, num_rows=None))
    model.likelihood.scale.log_scale += math.log(2)
    assert near(calibration(model, x, num_rows=None), 0.5)


def test_only_observed_elements_count_and_contexts_are_used():
    model, context = ConditionalLinear().double(), 2 * torch.randn(300, 2)
    x, mask = model.sample(300, context=context, seed=1), torch.rand(300, 8).argsort(1) < 5
    hidden = torch.where(mask, x, 1e6)
    found = calibration(model, from_arrays(hidden.numpy(), mask=mask.numpy(), context=context.numpy()), num_rows=None)
    assert_calibrated(found)
    assert found.pit.sum() == 300 * 5
    unconditional = from_arrays(x.numpy(), context=torch.zeros(300, 2).numpy())
    assert calibration(model, unconditional, num_rows=None).spread > 1.2


def test_a_row_without_an_observed_element_says_nothing():
    model = ConditionalLinear(context=0).double()
    mask = torch.ones(20, 8, dtype=torch.bool)
    mask[4] = False
    found = calibration(model, from_arrays(torch.randn(20, 8).numpy(), mask=mask.numpy()))
    assert found.squared.isnan().tolist() == [n == 4 for n in range(20)]
    assert math.isfinite(found.spread)
    assert all(math.isfinite(share.value) for share in found.mean_coverage.values())


@pytest.mark.parametrize(("argument", "value"), [("num_samples", 8), ("bins", 1), ("batch_size", 0), ("num_rows", 0)])
def test_impossible_numbers_are_refused(argument, value):
    vae, mu = ignoring()
    error = refused(calibration, vae, mu.expand(5, 30), **{argument: value})
    assert (error.argument, error.got) == (argument, str(value))
    assert refused(calibration, vae, torch.zeros(0, 30)).argument == "x"
