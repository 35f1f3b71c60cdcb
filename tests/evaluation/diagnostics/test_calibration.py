import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Normal, kl_divergence
from variate.evaluation.evaluate.diagnostics import calibration as module

from examples import COLUMNS, table
from oracles import LinearGaussian
from variate import Column, InputError, ModelOptions, Schema, build
from variate.data import Rows
from variate.evaluation.diagnostics.calibration import LEVELS, Calibration, calibration, compare
from variate.runtime.random import seeded

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
    found = calibration(model.vae("full"), model.draw(600), num_rows=500, draws=draws)
    assert found.pit.sum() == 500 * 20
    assert_calibrated(found)
    assert abs(found.mean_residual.value - 1) <= 4 * found.mean_residual.stderr


@pytest.mark.parametrize("draws", [9, 99])
@pytest.mark.parametrize("factor", [0.2, 0.8, 1.3, 2.0])
def test_a_scale_that_is_off_has_its_closed_forms(factor, draws):
    sigma = 1.5
    vae, mu = ignoring(sigma=sigma)
    x = mu + factor * sigma * torch.randn(400, 30)
    found, of = calibration(vae, x, num_rows=None, draws=draws), normal_law(factor, draws)
    for level, share in found.mean_coverage.items():
        # Where all 12,000 elements lie inside, no error is seen: up to 5 in 12,000 might still lie outside.
        assert abs(share.value - (of(0.5 + level / 2) - of(0.5 - level / 2))) <= 4 * share.stderr + 5 / 12_000
    assert abs(found.mean_residual.value - factor**2) <= 4 * found.mean_residual.stderr
    assert near(found, factor)
    cost, error = expected_cost(of, 30, 400 * 30)
    assert abs(found.cost - cost) <= 4 * error
    # What the right scale would win is more: finitely many draws and bins blur, most of all in the tails.
    best = 30 * kl_divergence(Normal(0.0, factor * sigma), Normal(0.0, sigma)).item()
    assert 0 < found.cost <= best + 4 * error


def test_with_many_draws_the_cost_of_a_scale_is_what_the_right_one_would_win():
    vae, mu = ignoring()
    found = calibration(vae, mu + 0.5 * torch.randn(300, 30), num_rows=None, draws=999)
    best = 30 * kl_divergence(Normal(0.0, 0.5), Normal(0.0, 1.0)).item()
    _, error = expected_cost(normal_law(0.5, 999), 30, 300 * 30)
    assert 0.95 * best - 4 * error <= found.cost <= best + 4 * error


def test_with_many_draws_coverage_is_that_of_the_normal():
    vae, mu = ignoring()
    found = calibration(vae, mu + 2 * torch.randn(300, 30), num_rows=None, draws=999)
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
    with torch.no_grad(), seeded(1):
        for parameter in vae.decoder.network.parameters():
            parameter.zero_()
        bias = vae.decoder.network.inner.layers[-1].bias
        bias.copy_(0.3 * torch.randn_like(bias))
        return vae, vae.likelihood(torch.zeros(250, 2)).sample()


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("likelihood", ["discretized-logistic", "quantized-gaussian", "categorical"])
def test_pixels_drawn_from_the_model_are_calibrated(likelihood):
    rows = rng().integers(0, 256, (30, 1, 5, 5), dtype=np.uint8)
    vae, x = constant(rows, likelihood=likelihood)
    assert_calibrated(calibration(vae, x.to(torch.uint8), num_rows=None))


def test_a_mixture_drawn_from_the_model_is_calibrated():
    vae, x = constant(rng().integers(0, 256, (30, 1, 5, 5), dtype=np.uint8), mixtures=3)
    assert vae.decoder.likelihood.mixtures == 3
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
    assert vae.decoder.likelihood.event_shape == Schema(kind, (20,)).shape
    assert_calibrated(calibration(vae, x, num_rows=None))


def test_tables_drawn_from_the_model_are_calibrated():
    vae, x = constant(table())
    found = calibration(vae, x, num_rows=None)
    assert_calibrated(found)
    assert found.pit.sum() == 250 * len(COLUMNS)


def test_bits_that_are_rarer_than_the_model_says_cost_their_divergence():
    # u has density (1 - a) / (1 - b) below 1 - b and a / b above, so KL(u) is that of the two Bernoullis.
    a, b, dim, n = 0.3, 0.5, 20, 500
    vae, _ = constant(rng().integers(0, 2, (30, dim), dtype=np.uint8), likelihood="bernoulli")
    with torch.no_grad():
        vae.decoder.network.inner.layers[-1].bias.zero_()
        vae.decoder.likelihood.mean_logit.zero_()
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
    mask = torch.tensor([c.kind != "categorical" for c in COLUMNS])
    assert module.quantities(vae.decoder.likelihood).tolist() == mask.tolist()
    assert calibration(vae, x, num_rows=20).residual.isfinite().all()
    rows = np.full((5, 1, 5, 5), 7, dtype=np.uint8)
    vae, _ = constant(rows, likelihood="categorical")
    with torch.no_grad():
        vae.decoder.likelihood.log_frequency.fill_(-1e9)
        vae.decoder.likelihood.log_frequency[7] = 0
    found = calibration(vae, rows)
    assert found.residual.isnan().all()
    assert math.isnan(found.mean_residual.value)
    assert found.pit.sum() == 125


def test_a_table_of_names_has_no_residual():
    columns = (Column("a", "categorical", ("x", "y", "z")), Column("b", "categorical", ("u", "v")))
    values = rng().integers(0, 2, (20, 2)).astype(np.float64)
    vae, x = constant(Rows(values, Schema("table", (2,), columns=columns)))
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
    drawn = offset + torch.randint(0, 5, (40, 1, 2, 3)).double()
    drawn[..., 1, 2] = offset
    x, given = drawn[7, 0], iter(drawn)

    class Replayed(torch.distributions.Distribution):
        def sample(self, sample_shape):
            return torch.stack([next(given) for _ in range(sample_shape[0])])

    found = compare(Replayed(validate_args=False), x, 40)
    draws = drawn.squeeze(1)
    torch.testing.assert_close(found.below, (draws < x).sum(0).flatten().double())
    torch.testing.assert_close(found.ties, (draws == x).sum(0).flatten().double())
    torch.testing.assert_close(found.offset, (x - draws.mean(0)).flatten(), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.variance, draws.var(0).flatten())
    assert found.variance[-1] == 0


@pytest.mark.parametrize("chunk", [1, 7, 256])
def test_numbers_do_not_depend_on_the_chunk_and_leave_generators_alone(chunk):
    model = LinearGaussian(dim=6, latent=3, sigma=0.7)
    vae, x = model.vae("full"), model.draw(60)
    vae.train()
    before = torch.get_rng_state()
    found = calibration(vae, x, num_rows=40, seed=3, chunk=chunk)
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"draws": 8}, "draws must be at least 9, got 8"),
        ({"bins": 1}, "bins must be at least 2"),
        ({"chunk": 0}, "chunk must be at least 1"),
        ({"num_rows": 0}, "num_rows must be at least 1"),
    ],
)
def test_impossible_numbers_are_refused(arguments, words):
    vae, mu = ignoring()
    with pytest.raises(InputError, match=words):
        calibration(vae, mu.expand(5, 30), **arguments)
    with pytest.raises(InputError, match="at least one row"):
        calibration(vae, torch.zeros(0, 30))
