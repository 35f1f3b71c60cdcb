from math import pi

import pytest
import torch
from scipy import stats
from torch.autograd import gradcheck

from variate.distributions.quantized import QuantizedLogistic, QuantizedNormal
from variate.distributions.rows import Independent

FAMILIES = [(QuantizedLogistic, stats.logistic), (QuantizedNormal, stats.norm)]
LEVELS = (2, 3, 16, 256)
LOCS = (-300.0, -3.3, 0.0, 0.5, 100.2, 128.0, 255.0, 600.0)
LOG_SCALES = (-3.0, -1.0, 0.0, 2.0, 3.4, 3.5, 5.0, 8.0)
EXTREME_LOCS = (-1e9, -1e6, *LOCS, 1e6, 1e9)
EXTREME_LOG_SCALES = (-1000.0, -20.0, *LOG_SCALES, 20.0, 1000.0)


def grid(locs, log_scales):
    return (t.contiguous() for t in torch.meshgrid(torch.tensor(locs), torch.tensor(log_scales), indexing="ij"))


def table(family, loc, log_scale, levels):
    """Log-mass of every level, (levels, *loc)."""
    k = torch.arange(levels).reshape(-1, *[1] * loc.dim())
    return family(loc, log_scale, levels).log_prob(k)


def mixture(family, batch=(5,), event=(4,), levels=16, components=3):
    shape = (*batch, components, *event)
    loc, log_scale = levels * torch.rand(shape), torch.randn(shape)
    return family(loc, log_scale, levels, torch.randn(shape), -len(event) - 1)


def pmf(p, levels):
    """Masses of every level of one element per row, (levels, *batch)."""
    return torch.stack([p.log_prob(torch.full((1,), float(k))) for k in range(levels)]).exp().squeeze(-1)


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_masses_sum_to_one(family, levels):
    loc, log_scale = grid(EXTREME_LOCS, EXTREME_LOG_SCALES)
    total = table(family, loc, log_scale, levels).exp().sum(0)
    # the series for narrow normal bins is off by at most 3e-9 a level
    assert (total - 1).abs().max() < 1e-8


@pytest.mark.parametrize(("family", "oracle"), FAMILIES)
def test_masses_are_differences_of_the_cdf(family, oracle):
    levels, k = 256, torch.arange(256.0).reshape(-1, 1, 1)
    loc, log_scale = grid((3.3, 100.2, 128.0, 254.9), (-1.0, 0.0, 2.0, 5.0))
    edges = [((k + h - loc) / log_scale.exp()).numpy() for h in (-0.5, 0.5)]
    lower, upper = (oracle.cdf(e) for e in edges)
    expected = torch.from_numpy(upper - lower)
    expected[0], expected[-1] = torch.from_numpy(upper[0]), torch.from_numpy(oracle.sf(edges[0][-1]))
    torch.testing.assert_close(table(family, loc, log_scale, levels).exp(), expected, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize(("family", "oracle"), FAMILIES)
def test_far_tails_keep_their_digits(family, oracle):
    # below the mean scipy's logcdf is accurate, and the mass of a bin is a difference taken in logs
    loc, log_scale, k = torch.tensor(200.0), torch.tensor(0.7), torch.arange(1.0, 150)
    a, b = (((k + h - loc) / log_scale.exp()).numpy() for h in (-0.5, 0.5))
    log_upper, log_lower = torch.from_numpy(oracle.logcdf(b)), torch.from_numpy(oracle.logcdf(a))
    expected = log_upper + torch.log1p(-torch.exp(log_lower - log_upper))
    torch.testing.assert_close(family(loc, log_scale, 256).log_prob(k), expected, rtol=1e-12, atol=0)


def test_normal_is_continuous_across_its_formulas():
    # w^2 (1 + c^2) passes the threshold of narrow bins near s = 31.6, and c passes w/2 at |k - m| = 1/2
    log_scale = torch.linspace(3.0, 4.0, 20001)
    values = QuantizedNormal(torch.tensor(100.0), log_scale, 256).log_prob(torch.tensor(101))
    assert values.diff().diff().abs().max() < 1e-8
    loc = torch.linspace(99.0, 102.0, 20001)
    values = QuantizedNormal(loc, torch.tensor(0.0), 256).log_prob(torch.tensor(101))
    assert values.diff().diff().abs().max() < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_values_and_gradients_are_finite_for_any_parameters(family, dtype):
    loc, log_scale = (t.to(dtype).requires_grad_() for t in grid(EXTREME_LOCS, EXTREME_LOG_SCALES))
    log_p = table(family, loc, log_scale, 256)
    gradients = torch.autograd.grad(log_p.sum(), (loc, log_scale))
    assert log_p.isfinite().all()
    assert (log_p <= 0).all()
    assert all(g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_float32_agrees_with_float64(family):
    loc, log_scale = (t.float() for t in grid(LOCS, LOG_SCALES))
    single = table(family, loc, log_scale, 256)
    double = table(family, loc.double(), log_scale.double(), 256)
    assert single.dtype == torch.float32
    assert ((single - double).abs() / (1 + double.abs())).max() < 2e-5


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_float32_gradients_agree_with_float64(family):
    def gradients(dtype):
        loc, log_scale = (t.to(dtype).requires_grad_() for t in grid(LOCS, LOG_SCALES))
        return torch.autograd.grad(table(family, loc, log_scale, 256).sum(), (loc, log_scale))

    for single, double in zip(gradients(torch.float32), gradients(torch.float64), strict=True):
        # a sum over 256 levels, whose terms largely cancel
        assert ((single - double).abs() / (1 + double.abs())).max() < 2e-3


@pytest.mark.parametrize("levels", [2, 16])
@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_gradients_equal_finite_differences(family, levels):
    loc, log_scale = (t.requires_grad_() for t in grid((-3.3, 0.2, 7.9, 16.4), (-1.0, 0.3, 2.0, 4.0)))
    assert gradcheck(lambda m, s: table(family, m, s, levels), (loc, log_scale))


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_mixture_gradients_equal_finite_differences(family):
    parameters = [torch.randn(2, 3, 4, requires_grad=True) for _ in range(3)]
    x = torch.randint(0, 4, (2, 4))
    assert gradcheck(lambda m, s, w: family(m, s, 4, w, -2).log_prob(x), parameters)


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_mixture_is_the_weighted_sum_of_its_components(family):
    p = mixture(family, batch=(5,), event=(1,))
    masses = pmf(p, 16)
    weights = p.logits.softmax(-2)
    parts = [family(p.loc[:, i], p.log_scale[:, i], 16) for i in range(3)]
    expected = sum(weights[:, i, 0] * pmf(part, 16) for i, part in enumerate(parts))
    torch.testing.assert_close(masses, expected)
    torch.testing.assert_close(masses.sum(0), torch.ones(5))


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_mean_variance_and_cdf_equal_exhaustive_sums(family):
    levels = torch.arange(16.0)
    for p in (mixture(family, event=(1,)), family(20 * torch.rand(7, 1) - 2, torch.randn(7, 1), 16)):
        masses = pmf(p, 16)
        mean = (levels[:, None] * masses).sum(0)
        torch.testing.assert_close(p.mean.squeeze(-1), mean, rtol=1e-8, atol=1e-8)
        variance = ((levels[:, None] - mean).square() * masses).sum(0)
        torch.testing.assert_close(p.variance.squeeze(-1), variance, rtol=1e-7, atol=1e-7)
        for k in range(16):
            torch.testing.assert_close(p.cdf(torch.tensor([k + 0.3])).squeeze(-1), masses[: k + 1].sum(0))
        assert (p.cdf(torch.tensor([-1.0])) == 0).all()
        assert (p.cdf(torch.tensor([15.0])) == 1).all()


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_draws_follow_the_masses(family):
    n = 20_000
    for p in (mixture(family, batch=(), event=(1,)), family(torch.tensor([2.2]), torch.tensor([0.5]), 16)):
        masses = pmf(p, 16)
        draws = p.sample((n,)).squeeze(-1)
        observed = torch.bincount(draws.long(), minlength=16).double()
        keep = masses * n > 5
        folded = [torch.cat([t[keep], t[~keep].sum()[None]]) for t in (observed, masses * n)]
        statistic = ((folded[0] - folded[1]).square() / folded[1].clamp(min=1)).sum()
        assert statistic < stats.chi2(int(keep.sum())).isf(1e-4)
        assert (draws.mean() - p.mean.squeeze()).abs() < 4 * draws.std() / n**0.5


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
@pytest.mark.parametrize("bad", [-1.0, 256.0, 300.0, 1.5, float("nan"), float("inf"), -float("inf")])
def test_outside_the_support_is_minus_infinity_and_harms_no_other_row(family, bad):
    loc = torch.full((2, 3), 100.0, requires_grad=True)
    x = torch.full((2, 3), 99.0)
    x[0, 1] = bad
    log_p = Independent(family(loc, torch.zeros(()), 256), 1).log_prob(x)
    assert log_p[0] == -torch.inf
    assert log_p[1].isfinite()
    (gradient,) = torch.autograd.grad(log_p[1], loc)
    assert gradient.isfinite().all()
    assert (gradient[1] != 0).all()


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int64, torch.float32, torch.float64])
def test_every_dtype_of_x_gives_the_same(family, dtype):
    p = family(torch.tensor([3.0, 120.0]), torch.tensor(1.0), 256)
    expected = p.log_prob(torch.tensor([[0.0, 127.0], [100.0, 3.0]]))
    assert torch.equal(p.log_prob(torch.tensor([[0, 127], [100, 3]]).to(dtype)), expected)
    assert expected.isfinite().all()


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
@pytest.mark.parametrize("x_batch", [(), (5,)])
@pytest.mark.parametrize("components", [1, 3])
def test_shapes_broadcast(family, batch, x_batch, components):
    event = (2, 3)
    shape = (*batch, *([components] if components > 1 else []), *event)
    logits = torch.randn(shape) if components > 1 else None
    p = Independent(family(8 * torch.rand(shape), torch.zeros(event), 8, logits, -3), 2)
    x = torch.randint(0, 8, (*x_batch, *event), dtype=torch.uint8)
    rows = torch.broadcast_shapes(batch, x_batch)
    assert (p.batch_shape, p.event_shape) == (batch, event)
    assert p.log_prob(x).shape == rows
    assert p.mean.shape == (*batch, *event)
    assert p.factor(0).cdf(x).shape == (*rows, *event)
    assert p.sample((7,)).shape == (7, *batch, *event)
    assert p.factor(0).contains(p.sample()).all()


@pytest.mark.parametrize(
    ("family", "second", "fourth", "eighth"),
    [(QuantizedNormal, 1, 3, 105), (QuantizedLogistic, pi**2 / 3, 7 * pi**4 / 15, 127 * pi**8 / 15)],
)
def test_continuous_draws_have_the_moments_of_both_tails(family, second, fourth, eighth):
    n = 1_000_000
    z = family.standard_sample(torch.Size([n]), torch.empty((), dtype=torch.float32), None).double()
    assert abs(z.mean()) < 4 * (second / n) ** 0.5
    assert abs((z**2).mean() - second) < 4 * ((fourth - second**2) / n) ** 0.5
    assert abs((z**4).mean() - fourth) < 4 * ((eighth - fourth**2) / n) ** 0.5


@pytest.mark.parametrize(("family", "oracle"), FAMILIES)
def test_cdf_is_that_of_the_continuous_distribution_at_the_edges(family, oracle):
    loc, log_scale = grid(LOCS, LOG_SCALES)
    p = family(loc, log_scale, 256)
    k = torch.arange(255.0).reshape(-1, 1, 1)
    expected = torch.from_numpy(oracle.cdf(((k + 0.5 - loc) / log_scale.exp()).numpy()))
    torch.testing.assert_close(p.cdf(k), expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_quantile_finds_every_level_that_has_a_mass(family, dtype):
    loc, log_scale = (t.to(dtype) for t in grid((-3.3, 0.0, 100.2, 255.0), (-3.0, 0.0, 3.5, 8.0)))
    p = family(loc, log_scale, 256)
    k = torch.arange(256.0).reshape(-1, 1, 1).expand(-1, 4, 4)
    upper, lower = p.cdf(k), p.cdf_below(k)
    apart = upper - lower > 1e-12 * upper
    assert torch.equal(p.quantile(upper)[apart], k[apart])
    assert torch.equal(p.quantile((lower + upper) / 2)[apart], k[apart])


@pytest.mark.parametrize("family", [f for f, _ in FAMILIES])
def test_variance_far_out_does_not_cancel(family):
    """Almost all of the mass on the outermost level, in float32."""
    loc, log_scale = torch.tensor([258.0, 600.0], dtype=torch.float32), torch.tensor(0.0, dtype=torch.float32)
    single, double = family(loc, log_scale, 256), family(loc.double(), log_scale.double(), 256)
    torch.testing.assert_close(single.variance.double(), double.variance, rtol=1e-3, atol=1e-7)
    assert (single.variance >= 0).all()
