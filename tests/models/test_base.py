import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Laplace, MultivariateNormal, Normal

from oracles import LinearGaussian, LinearLadder
from variate import Batch, InputError, ModelOptions, Schema, TrainingOptions, build, from_arrays
from variate.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from variate.distributions.foreign import Foreign
from variate.models.draws import Group
from variate.runtime import memory
from variate.runtime.random import Key, generator


def ladder(n=6, **arguments):
    """A model with two groups, rows, and noise for three draws of each."""
    model = LinearLadder(**arguments)
    batch = Batch(torch.randn(n, 5), context=torch.randn(n, 2))
    return model, batch, model.posterior_noise(Key(generator(3), n), 3, n)


def plain(n=6, family="diagonal"):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae = model.vae(family)
    return model, vae, Batch(model.draw(n)), vae.posterior_noise(Key(generator(3), n), 3, n)


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    # log p(x, z|c) - log q(z|x, c) = log p(x|c) for every z, over groups and with a context.
    model, batch, noise = ladder()
    evidence = model.log_evidence(batch.x, batch.context)
    draws = model.infer(batch, noise)
    torch.testing.assert_close(draws.log_weights, evidence.expand(3, 6))
    torch.testing.assert_close(draws.log_px - draws.log_ratio, draws.log_weights)


def test_draws_have_the_shapes_and_densities_that_they_say():
    model, batch, noise = ladder()
    draws = model.infer(batch, noise)
    assert [tuple(z.shape) for z in draws.latents] == [(3, 6, 2), (3, 6, 3)]
    assert all(torch.equal(a, b) for a, b in zip(draws.noise, noise, strict=True))
    assert draws.log_px.shape == draws.log_ratio.shape == draws.log_weights.shape == (3, 6)
    assert draws.log_pz.shape == draws.log_qz.shape == (2, 3, 6)
    first, second = draws.latents
    torch.testing.assert_close(draws.log_pz[0], Normal(0, 1).log_prob(first).sum(-1))
    oracle = Normal(first @ model.B.T + model.b, model.s)
    torch.testing.assert_close(draws.log_pz[1], oracle.log_prob(second).sum(-1))
    for log_q, q, z in zip(draws.log_qz, draws.q, draws.latents, strict=True):
        torch.testing.assert_close(log_q, MultivariateNormal(q.mean, scale_tril=q.scale_tril).log_prob(z))
    mean = model.mu + batch.context @ model.U.T + first @ model.V.T + second @ model.W.T
    torch.testing.assert_close(draws.log_px, Normal(mean, model.sigma).log_prob(batch.x).sum(-1))


def test_closed_form_rates_are_the_means_of_the_drawn_ones():
    model, batch, _ = ladder(n=2)
    L = 20_000
    draws = model.infer(batch, model.posterior_noise(Key(generator(4), 2), L, 2))
    first, second = draws.kl
    assert first.shape == (2,)
    assert second.shape == (L, 2)
    ratios = draws.log_qz - draws.log_pz
    for found, drawn in zip((first, second.mean(0)), ratios, strict=True):
        assert ((drawn.mean(0) - found).abs() <= 4 * drawn.std(0) / L**0.5).all()


def test_rates_per_latent_sum_to_those_of_the_group():
    model, batch, noise = ladder(family="diagonal")
    draws = model.infer(batch, noise)
    for rates, total in zip(draws.kl_elements, draws.kl, strict=True):
        torch.testing.assert_close(rates.sum(-1), total)
    assert ladder()[0].infer(batch, noise).kl_elements == (None, None)


def test_log_joint_agrees_with_infer_and_has_gradients_in_the_latents():
    for model, batch, noise in (ladder(), plain()[1:]):
        draws = model.infer(batch, noise)
        latents = [z.detach().requires_grad_() for z in draws.latents]
        joint = model.log_joint(latents, batch)
        torch.testing.assert_close(joint.log_px, draws.log_px)
        torch.testing.assert_close(joint.log_pz, draws.log_pz.sum(0))
        gradients = torch.autograd.grad((joint.log_px + joint.log_pz).sum(), latents)
        assert all(gradient.abs().min() > 0 for gradient in gradients)


def test_gradient_of_the_joint_is_that_of_finite_differences():
    model, batch, _ = ladder(n=2)

    def log_p(first, second):
        return sum(model.log_joint((first, second), batch))

    assert torch.autograd.gradcheck(
        log_p, (torch.randn(1, 2, 2).requires_grad_(), torch.randn(1, 2, 3).requires_grad_())
    )


def test_features_that_are_known_are_not_computed_again():
    model, batch, noise = ladder()
    features = model.encode(batch)
    expected = model.infer(batch, noise)
    model.encode = None
    found = model.infer(batch, noise, features=features)
    assert torch.equal(found.log_weights, expected.log_weights)


def test_a_proposal_takes_the_place_of_the_posterior():
    _, vae, batch, noise = plain()
    proposal = DiagonalGaussian(torch.randn(6, 3), 0.2 * torch.randn(6, 3))
    draws = vae.infer(batch, noise, proposal=[proposal])
    torch.testing.assert_close(draws.latents[0], proposal.from_noise(noise[0]))
    oracle = Independent(Normal(proposal.loc, proposal.log_scale.exp()), 1)
    torch.testing.assert_close(draws.log_qz[0], oracle.log_prob(draws.latents[0]))
    torch.testing.assert_close(draws.log_px, vae.decode(draws.latents).log_prob(batch.x))
    vae.encoder.forward = None  # the encoder is not needed
    assert torch.equal(vae.infer(batch, noise, proposal=[proposal]).log_weights, draws.log_weights)


def test_another_way_to_score_is_used_for_draws_and_joints():
    _, vae, batch, noise = plain()
    seen = []

    def log_prob(outputs, x, mask=None):
        seen.append(tuple(outputs.shape))
        return vae.likelihood.log_prob(outputs, x, mask) + 1

    draws = vae.infer(batch, noise)
    torch.testing.assert_close(vae.infer(batch, noise, log_prob=log_prob).log_px, draws.log_px + 1)
    torch.testing.assert_close(vae.log_joint(draws.latents, batch, log_prob).log_px, draws.log_px + 1)
    assert seen == [(3, 6, 1, 5)] * 2


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 1.7])
def test_complete_draws_each_group_given_those_above_with_its_spread_tempered(temperature):
    model, batch, _ = ladder()
    noise = model.prior_noise(Key(generator(5), 6), 4, 6)
    first, second = model.complete(noise, batch.context, temperature=temperature)
    torch.testing.assert_close(first, temperature * noise[0])
    torch.testing.assert_close(second, first @ model.B.T + model.b + temperature * model.s * noise[1])


def test_complete_keeps_a_prefix_and_draws_what_is_below_it():
    model, batch, _ = ladder()
    noise = model.prior_noise(Key(generator(5), 6), 4, 6)
    prefix = torch.randn(4, 6, 2)
    first, second = model.complete(noise, batch.context, prefix=[prefix])
    assert torch.equal(first, prefix)
    torch.testing.assert_close(second, prefix @ model.B.T + model.b + model.s * noise[1])
    both = [prefix, torch.randn(4, 6, 3)]
    assert all(torch.equal(a, b) for a, b in zip(model.complete(noise, batch.context, prefix=both), both, strict=True))


def test_decoding_is_the_likelihood_of_the_outputs():
    model, batch, noise = ladder()
    latents = model.infer(batch, noise).latents
    outputs = model.outputs_at(latents, batch.context)
    assert outputs.shape == (3, 6, 1, 5)
    p_x = model.decode(latents, batch.context)
    assert p_x.batch_shape == (3, 6)
    torch.testing.assert_close(p_x.mean, outputs.squeeze(-2))
    torch.testing.assert_close(p_x.variance, torch.full((3, 6, 5), model.sigma**2))


def test_a_mask_leaves_out_what_is_not_observed():
    _, vae, batch, noise = plain()
    mask = torch.rand(batch.x.shape) < 0.6
    mask[0], mask[1] = False, True
    draws = vae.infer(batch, noise)
    latents = draws.latents
    joint = vae.log_joint(latents, batch._replace(mask=mask))
    elements = vae.decode(latents).log_prob_elements(batch.x)
    torch.testing.assert_close(joint.log_px, torch.where(mask, elements, 0).sum(-1))
    holes = batch._replace(x=batch.x.masked_fill(~mask, torch.nan), mask=mask)
    torch.testing.assert_close(vae.log_joint(latents, holes).log_px, joint.log_px)
    assert vae.infer(holes, noise).log_weights.isfinite().all()
    filled = vae.encode(Batch(batch.x.masked_fill(~mask, 0)))
    torch.testing.assert_close(vae.encode(holes).mean, filled.mean)


def test_noise_of_a_batch_is_shared_out_among_processes():
    model, _, _ = ladder()
    whole = model.posterior_noise(Key(generator(7), 5), 3, 5)
    assert [tuple(eps.shape) for eps in whole] == [(3, 5, 2), (3, 5, 3)]
    for rank, rows in enumerate((3, 2)):
        parts = model.posterior_noise(Key(generator(7), 5, rank, 2), 3, rows)
        assert all(torch.equal(part, eps[:, rank::2]) for part, eps in zip(parts, whole, strict=True))


def test_noise_has_the_type_of_the_model():
    model, vae, _, _ = plain()
    key = Key(generator(1), 2)
    assert vae.posterior_noise(key, 1, 2)[0].dtype == torch.float64
    assert vae.float().dtype == torch.float32
    assert vae.prior_noise(key, 1, 2)[0].dtype == torch.float32
    assert vae.bfloat16().dtype == torch.float32
    assert model.vae("full").device == torch.device("cpu")


def test_sizes_are_those_of_the_groups_and_of_the_likelihood():
    model, _, _ = ladder()
    assert model.num_latents == 5
    assert model.event_shape == (5,)
    assert model.groups[1] == Group((3,), (3,), (3,)) == Group.gaussian(3)


@pytest.mark.parametrize("family", ["full", "diagonal", "isotropic"])
@pytest.mark.parametrize("batch_size", [1, 3, 20, 1024])
def test_embedding_is_the_posterior_in_the_order_of_the_rows(family, batch_size):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae(family), model.draw(20)
    found = vae.embed(x, batch_size=batch_size)
    gain = torch.linalg.solve(model.M, model.W.T)
    torch.testing.assert_close(found.mean, (x - model.mu) @ gain.T)
    if family == "full":
        torch.testing.assert_close(found.std, model.S.diagonal().sqrt().expand(20, 3))
    assert torch.equal(vae.embed(x, batch_size=batch_size).mean, found.mean)
    assert not found.mean.requires_grad


def test_embedding_and_reconstruction_of_several_groups_are_those_of_the_top_and_of_the_means():
    model, batch, _ = ladder()
    data = from_arrays(batch.x.numpy(), context=batch.context.numpy())
    with torch.no_grad():
        q = model.posterior(0, model.start(batch.context, (1, 6)), model.encode(batch))
        torch.testing.assert_close(model.embed(data, batch_size=4).mean, q.mean)
        torch.testing.assert_close(model.embed(data).std, q.variance.sqrt())
        first, second = model.mean_path(batch)
        torch.testing.assert_close(first, q.mean.unsqueeze(0))
        below = model.posterior(1, (*model.start(batch.context, (1, 6)), first), model.encode(batch))
        torch.testing.assert_close(second, below.mean)
        expected = model.decode((first, second), batch.context).mean.squeeze(0)
        torch.testing.assert_close(model.reconstruct(data, batch_size=4), expected)


def test_a_posterior_without_moments_has_no_embedding():
    model, vae, _, _ = plain()
    vae.posterior = lambda g, state, features: Foreign(Independent(Laplace(torch.zeros(3), torch.ones(3)), 1))
    with pytest.raises(InputError) as error:
        vae.embed(model.draw(2))
    assert (error.value.argument, error.value.got) == ("model", "Foreign")


@pytest.mark.parametrize("batch_size", [1, 7, 1024])
def test_reconstruction_is_the_mean_at_the_posterior_mean(batch_size):
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("diagonal"), model.draw(20)
    gain = torch.linalg.solve(model.M, model.W.T)
    expected = (x - model.mu) @ gain.T @ model.W.T + model.mu
    torch.testing.assert_close(vae.reconstruct(x, batch_size=batch_size), expected)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_batches_of_no_rows_are_refused(batch_size):
    model, vae, _, _ = plain()
    for call in (lambda: vae.embed(model.draw(2), batch_size), lambda: vae.sample(2, batch_size=batch_size)):
        with pytest.raises(InputError) as error:
            call()
        assert error.value.argument == "batch_size"


def covariance_error(x, mean, covariance):
    """Whether the second moments of rows are a covariance, within 4 standard errors."""
    residual = x - mean
    products = residual.unsqueeze(-1) * residual.unsqueeze(-2)
    return ((products.mean(0) - covariance).abs() <= 4 * products.std(0) / len(x) ** 0.5).all()


def test_samples_have_the_moments_of_the_evidence():
    model, n = LinearGaussian(dim=4, latent=2, sigma=0.5), 20_000
    x = model.vae("full").sample(n, seed=1)
    covariance = model.W @ model.W.T + model.sigma**2 * torch.eye(4)
    assert ((x.mean(0) - model.mu).abs() <= 4 * (covariance.diagonal() / n).sqrt()).all()
    assert covariance_error(x, model.mu, covariance)


def test_temperature_scales_the_spread_of_the_latents():
    model, n = LinearGaussian(dim=4, latent=2, sigma=0.5), 20_000
    x = model.vae("full").sample(n, temperature=0.5, mean=True, seed=1)
    assert covariance_error(x, model.mu, 0.25 * model.W @ model.W.T)


def test_samples_given_a_context_are_draws_of_the_row_s_own_conditional():
    model, n = LinearLadder(), 20_000
    context = torch.randn(n, 2)
    x = model.sample(n, context=context, seed=1)
    gain = model.W @ model.B + model.V
    covariance = gain @ gain.T + model.s**2 * model.W @ model.W.T + model.sigma**2 * torch.eye(5)
    mean = model.mu + model.W @ model.b + context @ model.U.T
    assert covariance_error(x, mean.detach(), covariance.detach())


@pytest.mark.parametrize("mean", [True, False])
def test_the_seed_decides_the_samples_and_the_global_generator_is_left_alone(mean):
    _, vae, _, _ = plain()
    before = torch.get_rng_state()
    first, again, other = (vae.sample(5, mean=mean, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(vae.sample(5, mean=mean), vae.sample(5, mean=mean))
    assert torch.equal(torch.get_rng_state(), before)


def test_means_of_samples_do_not_depend_on_the_batch_size():
    _, vae, _, _ = plain()
    torch.testing.assert_close(vae.sample(20, mean=True, seed=1, batch_size=3), vae.sample(20, mean=True, seed=1))


@pytest.mark.parametrize(
    "arguments", [{"n": 0}, {"n": -1}, {"n": 2, "temperature": -0.1}, {"n": 2, "temperature": float("nan")}]
)
def test_impossible_samples_are_refused(arguments):
    _, vae, _, _ = plain()
    with pytest.raises(InputError) as error:
        vae.sample(**arguments)
    assert error.value.argument == list(arguments)[-1]


def test_the_recipe_can_be_changed_where_there_is_one():
    model, _, _ = ladder()
    model.use_recipe(source="other")
    assert model.recipe is None
    vae = build(Schema("real", (4,)), ModelOptions(latent=2, width=8, depth=1))
    before = vae.recipe
    vae.use_recipe(source="other", training=TrainingOptions(epochs=3))
    assert vae.recipe == dataclasses.replace(before, source="other", training=TrainingOptions(epochs=3))


@pytest.mark.parametrize("context", [None, torch.zeros(3, 2)])
def test_samples_need_a_context_for_each_row(context):
    with pytest.raises(InputError) as error:
        LinearLadder().sample(4, context=context)
    assert error.value.argument == "context"
    assert "4" in error.value.expected


@pytest.mark.parametrize(
    ("takes", "context"),
    [
        (True, None),
        (True, torch.zeros(3, 2)),
        (True, torch.full((4, 2), torch.nan)),
        (True, np.ma.array(np.zeros((4, 2)), mask=True)),
        (True, np.full((4, 2), "a")),
        (False, torch.zeros(4, 2)),
    ],
)
def test_contexts_that_do_not_fit_are_refused(takes, context):
    model = LinearLadder() if takes else plain()[1]
    with pytest.raises(InputError) as error:
        model.contexts(context, 4)
    assert error.value.argument == "context"


@pytest.mark.parametrize("given", [lambda c: c, lambda c: c.numpy(), lambda c: c.numpy()[::-1].copy()[::-1]])
def test_contexts_are_tensors_or_arrays(given):
    context = torch.randn(4, 2)
    assert torch.equal(
        LinearLadder().sample(4, context=given(context), seed=1), LinearLadder().sample(4, context=context, seed=1)
    )


def test_a_context_that_a_model_does_not_take_is_refused():
    _, vae, _, _ = plain()
    with pytest.raises(InputError) as error:
        vae.sample(4, context=torch.zeros(4, 2))
    assert error.value.argument == "context"


def test_standard_normal_and_its_full_form_give_the_same_draws():
    # The prior's own class must not matter: N(0, I) as a full Gaussian is the same model.
    model = LinearGaussian(dim=4, latent=2, sigma=0.5)
    ours, other = model.vae("full"), model.vae("full", FullGaussian(torch.zeros(2), torch.eye(2)))
    assert isinstance(ours.prior(0, ours.start(None, (1, 1))), StandardNormal)
    torch.testing.assert_close(ours.sample(9, seed=2), other.sample(9, seed=2))
    batch, noise = Batch(model.draw(4)), (torch.randn(3, 4, 2),)
    torch.testing.assert_close(ours.infer(batch, noise).kl, other.infer(batch, noise).kl)
    twin = copy.deepcopy(ours)
    assert torch.equal(twin.infer(batch, noise).log_px, ours.infer(batch, noise).log_px)


def test_more_rows_than_fit_in_memory_are_refused_before_any_is_drawn(monkeypatch):
    model = plain()[1]
    monkeypatch.setattr(memory, "physical", lambda: 10_000)
    assert len(model.sample(5, seed=0)) == 5
    with pytest.raises(InputError) as error:
        model.sample(10**11)
    assert error.value.argument == "n"
