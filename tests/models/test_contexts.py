"""Models with conditions: their evidence in closed form, their prior over contexts, and Bayes' rule."""

import math

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate import DataOptions, ModelOptions, from_arrays, read, split
from variate.config.schema import Column
from variate.data.batch import Batch
from variate.distributions import DiagonalGaussian
from variate.models.contexts import MOST_CONTEXTS, ContextChannels, Contexts, drawn_contexts
from variate.networks import Ends

pytestmark = pytest.mark.filterwarnings("ignore:.*collapsed")
KINDS = np.array(["red", "green", "blue"])
AFFINE = ModelOptions(latent=2, depth=0, width=4, network="mlp", likelihood="gaussian", scale="fixed", sigma=0.8)


def colours(n=600, seed=0):
    """Rows of 4 numbers whose mean depends on a colour and on a number."""
    rng = np.random.default_rng(seed)
    colour, size = rng.integers(0, 3, n), rng.normal(size=n)
    x = np.array([[2, 0, 0, 1], [0, -2, 0, 1], [0, 0, 2, 1.0]])[colour] + size[:, None] + rng.normal(size=(n, 4))
    return x, colour, size


@pytest.fixture
def linear():
    """A model with an affine decoder, and rows for it: p(x|c) is Gaussian."""
    x, colour, _ = colours()
    data = from_arrays(x, condition={"colour": KINDS[colour]})
    model = variate.build(data, AFFINE, seed=1).double()
    with torch.no_grad():
        for weights in model.decoder.parameters():
            weights.mul_(4)  # the encoder's start is near the prior, from which 2 latents are drawn well
    return model, data


def exact(model, batch):
    """log p(x|c) of an affine decoder: x ~ N(m(c), W W^T + sigma^2 I), with m and W read off its outputs."""
    d, n = model.latent, batch.num_rows
    z = torch.cat([torch.zeros(1, d), torch.eye(d)]).double().unsqueeze(1).expand(-1, n, -1)
    means = model.decode([z], batch.context).mean
    W = (means[1:] - means[:1])[:, 0].T
    covariance = W @ W.T + 0.8**2 * torch.eye(batch.x.shape[1], dtype=torch.float64)
    return torch.distributions.MultivariateNormal(means[0], covariance).log_prob(batch.x)


def test_evidence_given_a_context_is_its_closed_form(linear):
    model, data = linear
    rows = data.select(np.arange(40))
    found = variate.log_evidence(model, rows, 20_000, seed=0)
    expected = exact(model, rows.all())
    assert not len(found.flagged)
    z = (found.log_evidence - expected) / found.row_noise
    assert z.abs().max() < 4.5
    other = rows.all()._replace(context=(rows.all().context + 1) % 3)
    assert (exact(model, other) - expected).abs().mean() > 0.5  # so the context matters


def test_bayes_rule_sums_over_all_contexts(linear):
    model, data = linear
    rows = data.select(np.arange(30))
    found = variate.classify(model, rows.x.all(), 5_000, seed=0)
    batch = rows.all()
    joint = torch.stack(
        [exact(model, batch._replace(context=torch.full((30, 1), float(k)).double())) for k in range(3)], 1
    )
    joint = joint + model.conditions.log_prob
    torch.testing.assert_close(found.log_evidence, joint.logsumexp(1), atol=0.1, rtol=0)
    torch.testing.assert_close(found.log_prob, joint.log_softmax(1), atol=0.15, rtol=0)
    assert found.contexts.tolist() == [[0.0], [1.0], [2.0]]
    torch.testing.assert_close(found.log_prob.exp().sum(1), torch.ones(30).double())


def test_the_prior_of_contexts_is_their_share_with_one_more_row_for_all_that_there_could_be():
    columns = [Column("a", "categorical", ("x", "y", "z")), Column("b", "binary")]
    contexts = Contexts(columns)
    seen = torch.tensor([[0, 0], [0, 0], [1, 1], [2, 0], [0, 0]]).double()
    contexts.fit(seen)
    assert contexts.values.tolist() == [[a, b] for a in range(3) for b in range(2)]
    counts = torch.tensor([3, 0, 0, 1, 1, 0]).double()
    torch.testing.assert_close(contexts.log_prob.exp(), (counts + 1 / 6) / 6)
    given = contexts.log_prob_given({1: 0.0}).exp()
    torch.testing.assert_close(given, torch.tensor([19, 0, 1, 0, 7, 0]).double() / 27)


def test_drawn_contexts_are_as_frequent_as_the_prior_says():
    contexts = Contexts([Column("a", "categorical", ("x", "y", "z"))])
    contexts.fit(torch.tensor([[0.0]] * 6 + [[1.0]] * 3 + [[2.0]]).double())
    n = 20_000
    drawn = drawn_contexts(contexts, n, {}, seed=0)
    share = torch.bincount(drawn[:, 0].long(), minlength=3) / n
    p = contexts.log_prob.exp()
    assert ((share - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all()
    assert (drawn_contexts(contexts, 50, {0: 2.0}, seed=0) == 2).all()


def test_numbers_and_very_many_categories_have_no_prior():
    names = tuple(map(str, range(40)))
    assert Contexts([Column("a", "categorical", names[:20]), Column("b", "categorical", names)]).is_countable
    for columns in (
        [Column("a", "categorical", names), Column("b", "categorical", names)],
        [Column("a", "binary"), Column("b", "real")],
    ):
        contexts = Contexts(columns)
        assert not contexts.is_countable
        assert contexts.values.shape == (0, 2)
    assert MOST_CONTEXTS == 1_000


@pytest.mark.parametrize("posterior", ["isotropic", "diagonal", "full"])
def test_latents_are_in_the_frame_of_their_context(posterior):
    x, colour, _ = colours(40)
    options = ModelOptions(latent=3, depth=1, width=8, likelihood="gaussian", posterior=posterior)
    model = variate.build(from_arrays(x, condition={"colour": KINDS[colour]}), options).double()
    batch = Batch(torch.from_numpy(x[:5]), context=torch.tensor([[0.0], [1.0], [2.0], [0.0], [1.0]]).double())
    plain = model.encode(batch)
    assert model.prior(0, model.start(batch.context, (1, 5))).is_standard
    with torch.no_grad():
        for weights in model.frame.parameters():
            weights.normal_(generator=torch.Generator().manual_seed(0))
    q, c = model.encode(batch), model.conditions(batch.context)
    m, s = c @ model.frame.loc.T, (c @ model.frame.log_scale.T).exp()
    torch.testing.assert_close(q.mean, (plain.mean - m) / s)
    expected = plain.as_full().scale_tril / s.unsqueeze(-1)
    torch.testing.assert_close(q.scale_tril, expected)
    e = torch.randn(2, 5, 3).double()
    place = DiagonalGaussian(m, s.log())
    z = m + s * e
    torch.testing.assert_close(q.log_prob(e), plain.log_prob(z) + s.log().sum(-1))
    torch.testing.assert_close(model.log_joint([e], batch).log_pz, place.log_prob(z) + s.log().sum(-1))
    direct = model.decoder(torch.cat([z, c.expand(2, -1, -1)], -1))
    torch.testing.assert_close(model.outputs_at([e], batch.context), direct)


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
def test_the_weights_of_a_mixture_depend_on_the_context(prior):
    x, colour, _ = colours(200)
    data = from_arrays(x, condition={"colour": KINDS[colour]})
    options = ModelOptions(latent=2, depth=1, width=8, prior=prior, components=5, likelihood="gaussian")
    model = variate.build(data, options).double()
    with torch.no_grad():
        model.latent_prior.by_context.normal_(std=2)
    context = torch.tensor([[0.0], [1.0]]).double()
    p = model.prior(0, model.start(context, (1, 2)))
    z = torch.randn(3, 2, 2).double()
    weights = (model.latent_prior.logits + model.conditions(context) @ model.latent_prior.by_context.T).log_softmax(-1)
    each = p.components.log_prob(z.unsqueeze(-2))
    torch.testing.assert_close(p.log_prob(z), (weights + each).logsumexp(-1))
    n = 20_000
    noise = torch.randn(n, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    drawn = p.from_noise(noise)
    mean, spread = drawn.mean(0), drawn.std(0) / math.sqrt(n)
    assert ((mean - p.mean).abs() < 4.5 * spread).all()
    assert (drawn.var(0) / p.variance - 1).abs().max() < 0.1
    before = model.latent_prior.by_context.detach().clone()
    variate.fit(model, split(data), epochs=1)
    assert not torch.equal(model.latent_prior.by_context, before)


def test_images_have_their_context_as_channels():
    beside = ContextChannels((1, 4, 5), 40, as_channels=True)
    assert beside.shape == (17, 4, 5)
    found = beside(torch.zeros(3, 1, 4, 5), torch.eye(3, 40))
    assert found.shape == (3, 17, 4, 5)
    assert (found[:, 1:] == found[:, 1:, :1, :1]).all()
    assert len({tuple(row.tolist()) for row in found[:, 1:, 0, 0]}) == 3
    flat = ContextChannels((1, 4, 5), 40, as_channels=False)
    assert flat.shape == (60,)
    assert flat(torch.zeros(3, 1, 4, 5), torch.eye(3, 40)).shape == (3, 60)


@pytest.mark.parametrize("network", ["mlp", "plain", "conv"])
def test_every_network_takes_a_context_and_the_file_keeps_it(network, tmp_path):
    options = DataOptions(condition=("label",))
    data = split(read("digits", options), options)
    model = variate.build(data, ModelOptions(network=network, width=8, depth=1, latent=3))
    model.save(tmp_path / "model.safetensors")
    again = variate.load(tmp_path / "model.safetensors")
    rows = data.test.select(np.arange(10))
    assert torch.equal(variate.elbo(again, rows).elbo, variate.elbo(model.eval(), rows).elbo)
    assert torch.equal(again.conditions.log_prob, model.conditions.log_prob)
    counts = np.bincount(data.train.context.all()[:, 0].astype(int))
    np.testing.assert_allclose(again.conditions.log_prob.exp(), (counts + 0.1) / (counts.sum() + 1))


def test_custom_networks_take_the_features_of_a_context_beside_their_own():
    options = DataOptions(condition=("label",))
    data = split(read("digits", options), options)
    asked: list[Ends] = []

    def networks(ends):
        asked.append(ends)
        flat = math.prod(ends.inputs)
        decoder = torch.nn.Sequential(
            torch.nn.Linear(ends.latent, math.prod(ends.likelihood)), torch.nn.Unflatten(1, ends.likelihood)
        )
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(flat, ends.posterior)), decoder

    model = variate.build(data, ModelOptions(latent=4), networks=networks)
    assert (asked[0].inputs, asked[0].latent) == ((11, 8, 8), 14)
    assert variate.elbo(model, data.test).elbo.isfinite().all()


def test_numbers_condition_too(tmp_path):
    x, _, size = colours(400)
    data = from_arrays(x, condition={"size": size})
    parts = split(data)
    conditional, plain = (variate.build(rows, AFFINE, seed=0) for rows in (parts, split(from_arrays(x))))
    variate.fit(conditional, parts, epochs=30, seed=0)
    variate.fit(plain, split(from_arrays(x)), epochs=30, seed=0)
    bounds = [variate.elbo(conditional, parts.test).elbo, variate.elbo(plain, split(from_arrays(x)).test).elbo]
    assert (bounds[0] - bounds[1]).mean() > 3 * (bounds[0] - bounds[1]).std() / math.sqrt(len(parts.test))
    assert refused(variate.classify, conditional, x).argument == "model"


def test_rows_are_refused_with_other_conditions_or_none(linear):
    model, data = linear
    x = data.x.all()
    assert "a context" in refused(variate.elbo, model, x).expected
    assert refused(variate.elbo, model, from_arrays(x, condition={"shade": ["a", "b", "c"] * 200})).argument == "x"
    assert refused(model.sample, 3).argument == "context"
    assert model.sample(3, context=np.array([[0.0], [1.0], [2.0]]), seed=0).shape == (3, 4)
    missing = from_arrays(x, condition={"colour": [None, *KINDS[np.arange(599) % 3]]})
    error = refused(variate.elbo, model, missing)
    assert "a value of each condition in every row" in str(error)
    assert "leave these rows out" in error.remedy
    bare = from_arrays(x, context=np.zeros((600, 1)))
    assert "condition={NAME: VALUES}" in refused(variate.build, bare, AFFINE).remedy
    both = refused(from_arrays, x, context=np.zeros((600, 1)), condition={"a": np.arange(600) % 2})
    assert both.argument == "condition"


def test_weights_and_conditions_of_arrays_are_one_per_row():
    x, colour, _ = colours(50)
    found = from_arrays(x, condition={"colour": colour}, weight=np.arange(50))
    assert found.weight.all().tolist() == list(range(50))
    assert found.schema.conditions[0].categories == ("0", "1", "2")
    assert "shape (49,)" in str(refused(from_arrays, x, condition={"colour": colour[1:]}))
    assert refused(from_arrays, x, weight=-np.ones(50)).argument == "weight"


def test_a_model_without_conditions_ignores_nothing():
    model = variate.build(colours(30)[0], AFFINE)
    assert model.conditions is None
    batch = Batch(torch.zeros(2, 4))
    assert torch.equal(model.encode(batch).mean, model.encoder(batch.x).mean)
