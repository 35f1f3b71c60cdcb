"""What every elementwise family keeps: distribution functions, quantiles, supports and draws."""

import pytest
import torch

from variate.distributions.bernoulli import BernoulliElements
from variate.distributions.categorical import CategoricalElements
from variate.distributions.counts import NegativeBinomialElements, PoissonElements
from variate.distributions.joint import JointElements
from variate.distributions.normal import NormalElements
from variate.distributions.quantized import QuantizedLogistic, QuantizedNormal
from variate.distributions.scaled import ScaledElements
from variate.distributions.student_t import StudentTElements

SHAPE = (4, 3)
NAN, INF = float("nan"), float("inf")


def normal(dtype, shape=SHAPE):
    return NormalElements(torch.randn(shape, dtype=dtype), torch.rand(shape, dtype=dtype) + 0.1)


def joint(dtype):
    parts = [normal(dtype, (4, 2)), PoissonElements(torch.randn(4, 1, dtype=dtype))]
    return JointElements(parts, [torch.tensor([2, 0]), torch.tensor([1])])


def quantized(family, dtype, mixture):
    shape = (4, 5, 3) if mixture else SHAPE
    logits = torch.randn(shape, dtype=dtype) if mixture else None
    return family(16 * torch.rand(shape, dtype=dtype), torch.randn(shape, dtype=dtype), 16, logits, -2)


def several_sizes(logits):
    sizes = torch.tensor([6, 2, 5])
    logits = logits.masked_fill(torch.arange(6)[:, None] >= sizes, -torch.inf)
    return CategoricalElements(logits, -2, log_unseen=torch.tensor(1e-5).log(), sizes=sizes)


CONTINUOUS = {
    "normal": normal,
    "student-t": lambda dtype: StudentTElements(
        2 + 10 * torch.rand(SHAPE, dtype=dtype), torch.randn(SHAPE, dtype=dtype), torch.rand(SHAPE, dtype=dtype) + 0.1
    ),
    "scaled normal": lambda dtype: ScaledElements(normal(dtype), torch.tensor(1e6), torch.tensor([0.1, 1.0, 30.0])),
}
DISCRETE = {
    "bernoulli": lambda dtype: BernoulliElements(3 * torch.randn(SHAPE, dtype=dtype)),
    "poisson": lambda dtype: PoissonElements(2 * torch.randn(SHAPE, dtype=dtype)),
    "negative binomial": lambda dtype: NegativeBinomialElements(
        2 * torch.randn(SHAPE, dtype=dtype), 2 * torch.randn(SHAPE, dtype=dtype)
    ),
    "categorical": lambda dtype: CategoricalElements(2 * torch.randn(4, 6, 3, dtype=dtype), -2),
    "categorical of several sizes": lambda dtype: several_sizes(2 * torch.randn(4, 6, 3, dtype=dtype)),
    "quantized logistic": lambda dtype: quantized(QuantizedLogistic, dtype, False),
    "quantized normal": lambda dtype: quantized(QuantizedNormal, dtype, False),
    "mixture of quantized logistics": lambda dtype: quantized(QuantizedLogistic, dtype, True),
    "mixture of quantized normals": lambda dtype: quantized(QuantizedNormal, dtype, True),
}
ALL = CONTINUOUS | DISCRETE | {"joint": joint}
DTYPES = [torch.float32, torch.float64]


def integers(count=60):
    """0 .. count - 1 for each element, (count, 1, 1)."""
    return torch.arange(float(count)).reshape(-1, 1, 1)


@pytest.mark.parametrize("name", DISCRETE)
def test_cdf_of_integers_is_the_sum_of_the_masses(name):
    p = DISCRETE[name](torch.float64)
    masses = p.log_prob_or_minus_inf(integers()).exp()
    torch.testing.assert_close(p.cdf(integers() + 0.4), masses.cumsum(0), atol=1e-8, rtol=0)
    torch.testing.assert_close(p.cdf_below(integers()), masses.cumsum(0) - masses, atol=1e-8, rtol=0)
    assert (p.cdf(torch.tensor([-1.0, -0.001]).reshape(-1, 1, 1)) == 0).all()
    assert p.is_discrete


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_derivative_of_the_cdf_is_the_density(name):
    p = CONTINUOUS[name](torch.float64)
    x = p.quantile(torch.linspace(0.01, 0.99, 21).reshape(-1, 1, 1))
    h = 1e-4 * p.variance.sqrt()
    slope = (p.cdf(x + h) - p.cdf(x - h)) / (2 * h)
    torch.testing.assert_close(slope, p.log_prob(x).exp(), rtol=1e-5, atol=0)
    assert torch.equal(p.cdf_below(x), p.cdf(x))
    assert not p.is_discrete


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DISCRETE)
def test_quantile_is_the_first_integer_whose_cdf_reaches_u(name, dtype):
    p = DISCRETE[name](dtype)
    u = torch.rand(200, *SHAPE)
    k = p.quantile(u)
    assert (p.cdf(k) >= u).all()
    assert (p.cdf(k - 1) < u).all()
    assert p.contains(k).all()
    # from the middle of each mass it is found again
    mass = p.cdf(integers(16)) - p.cdf_below(integers(16))
    found = p.quantile(p.cdf_below(integers(16)) + mass / 2)
    assert torch.equal(found[mass > 1e-12], integers(16).expand_as(mass)[mass > 1e-12])
    # and from its upper end, as long as the next mass does not vanish beside 1
    again = p.quantile(p.cdf(integers(16)))
    assert torch.equal(again[mass > 1e-12], integers(16).expand_as(mass)[mass > 1e-12])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CONTINUOUS)
def test_quantile_is_the_inverse_of_the_cdf(name, dtype):
    p = CONTINUOUS[name](dtype)
    u = torch.tensor([1e-12, 1e-6, 0.01, 0.25, 0.4999, 0.5, 0.7, 0.999, 1 - 1e-9]).reshape(-1, 1, 1)
    x = p.quantile(u)
    assert (x.dtype, p.cdf(x).dtype) == (torch.float64, torch.float64)
    error = (p.cdf(x) - u) / torch.minimum(u, 1 - u)
    # the scaled numbers stand near 1e6, where float64 has 1e-10 of their unit
    assert error.abs().max() < (1e-5 if "scaled" in name else 1e-7)
    torch.testing.assert_close(p.quantile(torch.tensor(0.5)), p.mean.double(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_cdf_rises_from_0_to_1(name, dtype):
    p = ALL[name](dtype)
    steps = torch.linspace(-50, 50, 2001).reshape(-1, 1, 1)
    x = torch.cat([steps.expand(-1, *SHAPE), p.mean.double() + 3 * steps])
    values = p.cdf(x.sort(0).values)
    assert ((values >= 0) & (values <= 1)).all()
    assert (values.diff(dim=0) >= -1e-15).all()
    ends = torch.tensor([-INF, -1e30, 1e30, INF, NAN]).reshape(-1, 1, 1)
    tails = p.cdf(ends)
    assert (tails[:1] == 0).all()
    assert (tails[1] < 1e-20).all()
    assert (tails[2:4] == 1).all()
    assert tails[4].isnan().all()


@pytest.mark.parametrize("name", ALL)
def test_quantiles_rise_and_end_at_the_ends_of_the_support(name):
    p = ALL[name](torch.float64)
    u = torch.linspace(0, 1, 401).reshape(-1, 1, 1)
    assert (p.quantile(u)[1:-1].diff(dim=0) >= 0).all()
    low, high = p.quantile(torch.zeros(())), p.quantile(torch.ones(()))
    if name in DISCRETE:
        assert (low == 0).all()
        assert ((high == p.quantile(1 - 1e-16 * torch.ones(()))) | (high == INF)).all()
    elif name in CONTINUOUS:
        assert (low == -INF).all()
        assert (high == INF).all()
    assert p.quantile(torch.tensor([-0.1, 1.1, NAN]).reshape(-1, 1, 1)).isnan().all()


@pytest.mark.parametrize("name", ALL)
def test_uniform_numbers_through_the_cdf_of_draws(name):
    """U between P(X < x) and P(X <= x) is uniform for draws x."""
    n = 4000
    p = ALL[name](torch.float64)
    draws = p.sample((n,), torch.Generator().manual_seed(1))
    below, through = p.cdf_below(draws), p.cdf(draws)
    u = below + torch.rand(n, *SHAPE) * (through - below)
    assert draws.shape == (n, *SHAPE)
    assert p.contains(draws).all()
    for power in (1, 2, 3):
        expected = 1 / (power + 1)
        spread = (1 / (2 * power + 1) - expected**2) ** 0.5
        assert ((u**power).mean(0) - expected).abs().max() < 4.5 * spread / n**0.5


@pytest.mark.parametrize("name", ALL)
def test_moments_are_those_of_draws(name):
    n = 20_000
    p = ALL[name](torch.float64)
    draws = p.sample((n,), torch.Generator().manual_seed(2)).double()
    if name.startswith("categorical"):
        with pytest.raises(NotImplementedError):
            _ = p.variance
        return
    assert ((draws.mean(0) - p.mean).abs() < 5 * (p.variance / n).sqrt()).all()
    if name != "student-t":
        fourth = (draws - p.mean).pow(4).mean(0)
        assert ((draws.var(0) - p.variance).abs() < 6 * (fourth / n).sqrt()).all()


@pytest.mark.parametrize("name", ALL)
def test_draws_depend_on_the_generator_alone(name):
    p = ALL[name](torch.float64)
    one, two = (p.sample((5,), torch.Generator().manual_seed(3)) for _ in range(2))
    state = torch.get_rng_state()
    other = p.sample((5,), torch.Generator().manual_seed(4))
    assert torch.equal(torch.get_rng_state(), state), "torch's global generator is left alone"
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    torch.manual_seed(3)
    assert torch.equal(p.sample((5,)), one), "without a generator, torch's global one is used"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_not_finite_lies_outside_every_support(name, bad):
    p = ALL[name](torch.float64)
    x = torch.full(SHAPE, bad)
    assert not p.contains(x).any()
    assert (p.log_prob_or_minus_inf(x) == -INF).all()
    assert p.contains(torch.zeros(SHAPE)).all()


@pytest.mark.parametrize("name", DISCRETE)
def test_half_integers_and_negative_numbers_lie_outside(name):
    p = DISCRETE[name](torch.float64)
    for bad in (0.5, -1.0):
        assert not p.contains(torch.full(SHAPE, bad)).any()


@pytest.mark.parametrize("name", ALL)
def test_shapes_broadcast(name):
    p = ALL[name](torch.float64)
    x = torch.ones(7, 1, 3)
    for result in (p.log_prob(x), p.cdf(x), p.cdf_below(x), p.quantile(x / 2), p.log_prob_or_minus_inf(x)):
        assert result.shape == (7, *SHAPE)
    for result in (p.cdf(torch.tensor(1.0)), p.quantile(torch.tensor(0.5)), p.mean):
        assert result.shape == p.shape == SHAPE
    assert p.sample((2, 6)).shape == (2, 6, *SHAPE)


@pytest.mark.parametrize("name", ALL)
def test_cdf_and_quantile_carry_no_gradients(name):
    p = ALL[name](torch.float64)
    x = torch.ones(SHAPE, requires_grad=True)
    assert not p.cdf(x).requires_grad
    assert not p.quantile(x / 2).requires_grad


EXTREMES = torch.tensor([-1e6, -50.0, -5.0, 0.0, 5.0, 50.0, 1e6])


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_parameters_give_distribution_functions(dtype):
    first, second = (t.to(dtype) for t in torch.meshgrid(EXTREMES, EXTREMES, indexing="ij"))
    positive = second.clamp(-30, 30).exp()
    families = [
        BernoulliElements(first),
        NormalElements(first, positive),
        StudentTElements(positive, first, positive),
        PoissonElements(first),
        NegativeBinomialElements(first, second),
        CategoricalElements(torch.stack([first, second, first - second]), -3),
        QuantizedLogistic(first, second, 256),
        QuantizedNormal(first, second, 256),
        QuantizedLogistic(torch.stack([first, second]), first, 256, torch.stack([second, first]), -3),
    ]
    u = torch.tensor([0.0, 1e-9, 0.3, 0.5, 0.9, 1 - 1e-9, 1.0]).reshape(-1, 1, 1)
    for p in families:
        x = torch.tensor([-1e9, -1.0, 0.0, 1.0, 100.0, 255.0, 1e9]).reshape(-1, 1, 1)
        values, quantiles = p.cdf(x), p.quantile(u)
        assert ((values >= 0) & (values <= 1)).all(), type(p)
        assert (values.diff(dim=0) >= 0).all(), type(p)
        assert not quantiles.isnan().any(), type(p)
        assert (quantiles.diff(dim=0) >= 0)[1:-1].all(), type(p)
        if p.is_discrete:
            reached = p.cdf(quantiles[1:-1])
            assert (reached >= u[1:-1] * (1 - 1e-12)).all(), type(p)


@pytest.mark.parametrize("family", [name for name, make in ALL.items() if make(torch.float64).takes_uniform])
@pytest.mark.parametrize("dtype", DTYPES)
def test_draws_from_uniform_numbers_have_the_distribution(family, dtype):
    p, n = ALL[family](dtype), 4_000
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # evenly spaced, so that nothing is left to chance
    draws = p.from_uniform(u.reshape(n, *(1 for _ in p.shape)).expand(n, *p.shape))
    assert draws.shape == (n, *p.shape)
    for x in draws[:: n // 8]:
        share = (draws <= x).double().mean(0)
        assert ((share - p.cdf(x)).abs() < 2 / n + 1e-6).all()


def test_other_families_draw_by_themselves():
    p = DISCRETE["negative binomial"](torch.float64)
    assert not p.takes_uniform
    with pytest.raises(NotImplementedError):
        p.from_uniform(torch.rand(p.shape))
