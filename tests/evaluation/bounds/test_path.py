import math

import pytest
import torch
from scipy import integrate, special
from torch.distributions import (
    Bernoulli,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    MultivariateNormal,
    Normal,
    Uniform,
)

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate.data.batch import Batch
from variate.evaluation.bounds.path import (
    AnnealingOptions,
    check_prior,
    guided_schedule,
    make_options,
    paths,
    sigmoid_schedule,
)
from variate.models.network import evaluating
from variate.runtime import device


def make_path(model, x, start="prior", batch_size=10_000, seed=0, numbers=None, context=None):
    options = AnnealingOptions(10, 4, 3, start, batch_size, seed)
    with evaluating(model):
        which = torch.arange(len(x)) if numbers is None else torch.tensor(numbers)
        return next(paths(model, Batch(x, context=context).select, which, options))


def test_sigmoid_schedule_is_that_of_wu():
    found = sigmoid_schedule(7)
    s = special.expit(4 * (2 * torch.arange(8).numpy() / 7 - 1))
    torch.testing.assert_close(found, torch.as_tensor((s - s[0]) / (s[-1] - s[0])), atol=1e-14, rtol=0)
    assert (found[0], found[-1]) == (0, 1)


def test_variance_of_the_tilt_is_the_formulas():
    # The model that the formula is exact for: a likelihood of independent latents. n = 400000, 4 standard errors.
    n, m, v = 400_000, torch.tensor([0.3, -2.0]), torch.tensor([0.6, 0.05])
    k, h = 1 / v - 1, m / v
    for b in (0.0, 0.1, 0.7):
        z = b * h / (1 + b * k) + torch.randn(n, 2) / (1 + b * k).sqrt()
        tilt = (h * z - 0.5 * k * z.square()).sum(-1)
        squares = (tilt - tilt.mean()).square()
        exact = ((0.5 * k**2 + h**2 / (1 + b * k)) / (1 + b * k) ** 2).sum()
        assert (squares.mean() - exact).abs() <= 4 * squares.std() / math.sqrt(n)


@pytest.mark.parametrize("scale", [0.9, 0.1, 1e-3])
def test_guided_schedule_cuts_the_way_as_it_says(scale):
    # The way by quadrature instead of the grid: b_t is where 3/4 of the way and 1/4 of Wu's time make t / T.
    m, v = torch.tensor([[0.3, -2.0, 0.0]]), torch.tensor([[scale**2, 0.4, 1.0]])
    found = guided_schedule(m, v, 12)[:, 0]
    k, h = 1 / v[0] - 1, m[0] / v[0]

    def speed(log_b):
        b = math.exp(log_b)
        return b * math.sqrt(((0.5 * k**2 + h**2 / (1 + b * k)) / (1 + b * k) ** 2).sum())

    def way(b):
        return integrate.quad(speed, math.log(1e-14), math.log(b), limit=500, epsrel=1e-8)[0]

    s = special.expit([-4.0, 4.0])
    for t in range(1, 12):
        b = found[t].item()
        time = (special.logit(s[0] + b * (s[1] - s[0])) / 4 + 1) / 2
        assert 0.75 * way(b) / way(1.0) + 0.25 * time == pytest.approx(t / 12, abs=2e-3)
    assert (found[0], found[-1]) == (0, 1)
    assert (found.diff() > 0).all()


@pytest.mark.parametrize("std", [1.0, 5.0])
def test_where_the_encoder_says_the_prior_the_schedule_still_rises(std):
    found = guided_schedule(torch.zeros(2, 3), torch.full((2, 3), std**2), 50)
    assert found.isfinite().all()
    assert (found.diff(dim=0) > 0).all()


def test_schedule_of_a_row_does_not_depend_on_the_others():
    mean, variance = torch.randn(5, 3), (2 * torch.randn(5, 3) - 4).exp()
    alone = guided_schedule(mean[2:3], variance[2:3], 30)
    torch.testing.assert_close(guided_schedule(mean, variance, 30)[:, 2:3], alone, atol=1e-13, rtol=0)


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_points_lead_from_the_start_to_the_joint_density(start):
    model = LinearGaussian(dim=6, latent=3, sigma=0.7)
    x, z = model.draw(4), torch.randn(5, 4, 3)
    path = make_path(model.vae("full"), x, start)
    point = path.evaluate(z)
    log_prior = MultivariateNormal(torch.zeros(3), torch.eye(3)).log_prob(z)
    log_px = Independent(Normal(z @ model.W.T + model.mu, model.sigma), 1).log_prob(x)
    gain = torch.linalg.solve(model.M, model.W.T)
    log_q = MultivariateNormal((x - model.mu) @ gain.T, model.S).log_prob(z)
    torch.testing.assert_close(point.log_prob(torch.zeros(1)), log_prior if start == "prior" else log_q)
    torch.testing.assert_close(point.log_prob(torch.ones(1)), log_prior + log_px)
    grad_joint = -z + (x - model.mu - z @ model.W.T) @ model.W / model.sigma**2
    torch.testing.assert_close(point.gradient(torch.ones(1)), grad_joint)
    grad_q = -(z - (x - model.mu) @ gain.T) @ torch.linalg.inv(model.S)
    torch.testing.assert_close(point.gradient(torch.zeros(1)), -z if start == "prior" else grad_q)


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_starts_are_exact_draws_of_the_rows_own(start):
    # n = 20000 draws of a row, 4 standard errors.
    model, n = LinearGaussian(dim=6, latent=3, sigma=1.5), 20_000
    x = model.draw(3)
    path = make_path(model.vae("full"), x, start)
    z = path.draw_start("test", n)
    mean = torch.zeros(3, 3) if start == "prior" else path.moments.mean
    variance = torch.ones(3) if start == "prior" else model.S.diagonal()
    residual = z - mean
    assert (residual.mean(0).abs() <= 4 * residual.std(0) / math.sqrt(n)).all()
    squares = residual.square()
    assert ((squares.mean(0) - variance).abs() <= 4 * squares.std(0) / math.sqrt(n)).all()
    alone = make_path(model.vae("full"), x, start, numbers=[2]).draw_start("test", n)
    torch.testing.assert_close(alone[:, 0], z[:, 2], atol=1e-12, rtol=0)
    assert not torch.equal(path.draw_start("other", 5), z[:5])


def test_units_are_standard_deviations_between_prior_and_posterior():
    model = LinearGaussian(dim=6, latent=3, sigma=0.7)
    x = model.draw(2)
    path, variance = make_path(model.vae("diagonal"), x), 1 / torch.linalg.inv(model.S).diagonal()
    beta = torch.tensor([0.0, 0.5])
    expected = torch.stack([torch.ones(3), (0.5 + 0.5 / variance).rsqrt()])
    torch.testing.assert_close(path.units(beta), expected)
    torch.testing.assert_close(make_path(model.vae("diagonal"), x, "posterior").units(beta)[1], variance.sqrt())


def test_chains_beyond_the_batch_size_are_evaluated_one_after_another(monkeypatch):
    model = LinearGaussian(dim=6, latent=3, sigma=0.7)
    vae, x, z = model.vae("diagonal"), model.draw(2), torch.randn(7, 2, 3)
    whole, sizes = make_path(vae, x).evaluate(z), []
    path = make_path(vae, x, batch_size=8)
    plain = vae.decoder.forward
    monkeypatch.setattr(vae.decoder, "forward", lambda z: sizes.append(z.shape[0] * z.shape[1]) or plain(z))
    torch.testing.assert_close(path.evaluate(z), whole)
    assert sizes == [8, 6]


def standard():
    return MultivariateNormal(torch.zeros(2), torch.eye(2))


@pytest.mark.parametrize(
    ("p_z", "z", "inside"),
    [
        (standard, [[0.0, 1.0], [math.nan, 0.0], [0.0, math.inf]], [1, 0, 0]),
        (lambda: Independent(Exponential(torch.ones(2)), 1), [[1.0, 2.0], [1.0, -0.1], [math.nan, 1.0]], [1, 0, 0]),
        (lambda: Independent(Uniform(torch.zeros(2), torch.ones(2)), 1), [[0.5, 0.5], [0.5, 1.5], [0, 0.2]], [1, 0, 1]),
    ],
)
def test_support_is_the_priors_and_finite(p_z, z, inside):
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    point = make_path(model.vae("diagonal", p_z()), model.draw(1)).evaluate(torch.tensor(z).unsqueeze(1))
    assert point.log_start.isfinite().flatten().tolist() == [bool(i) for i in inside]


def test_outside_the_priors_support_the_density_is_zero_and_nothing_is_nan():
    model = LinearGaussian(dim=4, latent=2, sigma=0.7)
    path = make_path(model.vae("diagonal", Independent(Gamma(torch.ones(2), torch.ones(2)), 1)), model.draw(1))
    point = path.evaluate(torch.tensor([[[1.0, 1.0]], [[-1.0, 1.0]], [[math.nan, 1.0]]]))
    assert point.log_prob(torch.ones(1)).isfinite().flatten().tolist() == [True, False, False]
    assert (point.log_start[1:] == -math.inf).all()
    assert point.grad_start.isfinite().all()
    assert point.grad_tilt.isfinite().all()


class Mute(Distribution):
    def __init__(self):
        super().__init__(event_shape=torch.Size((2,)), validate_args=False)


@pytest.mark.parametrize(
    ("p_z", "word"), [(Mute(), "without"), (Independent(Bernoulli(torch.full((2,), 0.5)), 1), "discrete")]
)
def test_priors_without_a_density_are_refused(p_z, word):
    model = LinearGaussian(dim=4, latent=2, sigma=0.7).vae("diagonal", p_z)
    before = torch.get_rng_state()
    error = refused(check_prior, model, [0, 1], None)
    assert error.argument == "prior"
    assert word in error.got
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_size_suits_the_rows():
    vae = LinearGaussian(dim=6, latent=3, sigma=0.7).vae("diagonal")
    sizes = {"num_steps": 1, "num_chains": 8, "leapfrog": 1}
    assert make_options(vae, "prior", 0, **sizes, batch_size=17).batch_size == 17
    default = make_options(vae, "prior", 0, **sizes, batch_size=None)
    assert default.batch_size == device.rows_at_once(6, vae.device)
    assert AnnealingOptions(1, 8, 1, "prior", 17, 0).rows_at_once == 2
    assert AnnealingOptions(1, 8, 1, "prior", 3, 0).rows_at_once == 1


def test_points_of_two_groups_lead_from_the_start_to_the_joint_density():
    model = Ladder().double().make_exact()
    x, z = model.sample(4, seed=1), torch.randn(5, 4, 5)
    z1, z2 = z.split([2, 3], -1)
    log_prior = MultivariateNormal(torch.zeros(2), torch.eye(2)).log_prob(z1)
    log_prior = log_prior + Independent(Normal(z1 @ model.A.T, model.s2), 1).log_prob(z2)
    log_px = Independent(Normal(z2 @ model.B.T + z1 @ model.C.T, model.sigma), 1).log_prob(x)
    posterior = log_prior + log_px - model.log_evidence(x)  # the encoder is exact
    for start, log_start in (("prior", log_prior), ("posterior", posterior)):
        point = make_path(model, x, start).evaluate(z)
        torch.testing.assert_close(point.log_prob(torch.zeros(1)), log_start.detach(), atol=1e-9, rtol=0)
        torch.testing.assert_close(point.log_prob(torch.ones(1)), (log_prior + log_px).detach(), atol=1e-9, rtol=0)
        at = z.clone().requires_grad_()
        joint = model.log_joint(at.split([2, 3], -1), Batch(x))
        (expected,) = torch.autograd.grad((joint.log_px + joint.log_pz).sum(), at)
        torch.testing.assert_close(point.gradient(torch.ones(1)), expected, atol=1e-9, rtol=0)


def test_units_of_a_lower_group_are_those_of_its_prior_and_posterior():
    model = Ladder().double().make_exact()
    path = make_path(model, model.sample(3, seed=1))
    expected = torch.cat([torch.ones(2), torch.full((3,), model.s2)])
    torch.testing.assert_close(path.units(torch.zeros(3)), expected.expand(3, 5))
    at_end = torch.cat([(raw.tril(-1) + raw.diagonal().exp().diag()).square().sum(1).sqrt() for raw in
                        (model.top_raw, model.low_raw)])  # fmt: skip
    torch.testing.assert_close(path.units(torch.ones(3)), at_end.detach().expand(3, 5))


def test_starts_given_a_context_are_draws_of_its_prior():
    # n = 20000 draws per row, 4 standard errors.
    model, n = ConditionalLinear().double(), 20_000
    context = 2 * torch.randn(3, 2)
    z = make_path(model, torch.randn(3, 8), context=context).draw_start("test", n)
    residual = z - (context @ model.U.T).detach()
    assert (residual.mean(0).abs() <= 4 * residual.std(0) / math.sqrt(n)).all()
