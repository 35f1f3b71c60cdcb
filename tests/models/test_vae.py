from typing import get_args

import pytest
import torch
from torch import nn

from examples import rng
from small_models import DATA, make
from variate import VAE, Batch, Decoder, Encoder, elbo, likelihoods
from variate.config.parts import PriorName
from variate.models import posteriors, priors
from variate.networks import MLP, ColumnInputs, Standardize


@pytest.mark.parametrize("prior", get_args(PriorName))
def test_temperature_zero_leaves_only_the_means_of_the_prior(prior):
    vae, _ = make(prior=prior)
    x = vae.sample(50, temperature=0.0, mean=True, seed=1)
    p_z = vae.prior(0, vae.start(None, (1, 1)))
    centres = p_z.mean.unsqueeze(0) if prior == "normal" else p_z.components.mean
    with torch.no_grad():
        allowed = vae.decode((centres.unsqueeze(0),)).mean.squeeze(0)
    assert torch.cdist(x, allowed).min(1).values.max() < 1e-6
    assert len(x.unique(dim=0)) <= len(allowed)


@pytest.mark.parametrize("likelihood", DATA)
def test_samples_are_rows_that_the_model_takes(likelihood):
    vae, rows = make(likelihood)
    x = vae.sample(9, seed=1, batch_size=4)
    assert x.shape == (9, *rows.shape[1:])
    assert torch.equal(vae.dataset(x).all().x, x)
    assert vae.reconstruct(rows).shape == rows.shape
    assert elbo(vae, x).elbo.isfinite().all()


@pytest.mark.parametrize("likelihood", DATA)
def test_bfloat16_networks_give_float32_densities(likelihood):
    vae, rows = make(likelihood)
    vae = vae.float()
    exact = elbo(vae, rows, seed=1)
    vae.set_precision(torch.bfloat16)
    found = elbo(vae, rows, seed=1)
    for term in found:
        assert term.dtype in (torch.float32, torch.float64)
    assert vae.encode(Batch(rows)).mean.dtype == torch.float32
    z = torch.zeros(1, 3, 2, dtype=torch.float32)
    assert vae.decode((z,)).log_prob(rows[:3]).dtype in (torch.float32, torch.float64)
    assert any(not torch.equal(a, b) for a, b in zip(exact, found, strict=True))  # it did run in bfloat16
    torch.testing.assert_close(found.elbo, exact.elbo, rtol=0.1, atol=1.0)
    vae.set_precision(None)
    assert all(torch.equal(a, b) for a, b in zip(exact, elbo(vae, rows, seed=1), strict=True))


def test_latents_have_any_leading_axes():
    vae, _ = make()
    z = torch.randn(3, 5, 2)
    flat = vae.decode((z.reshape(1, 15, 2),)).mean
    torch.testing.assert_close(vae.decode((z,)).mean, flat.reshape(3, 5, 4))
    assert vae.decoder(z[0, 0]).shape == vae.likelihood.out_shape


def custom(**arguments):
    """A model of parts of one's own."""
    network = nn.Linear(4, 4)
    return VAE(
        Encoder(Standardize((4,)), network, posteriors.Diagonal(2)),
        Decoder(MLP((2,), (1, 4), width=6, depth=1), likelihoods.Gaussian((4,))),
        priors.Mixture(2, 3),
        **arguments,
    )


def test_parts_of_ones_own_make_a_model_whose_scalings_are_set():
    vae, rows = custom(), 3 + 2 * torch.randn(200, 4)
    assert vae.recipe is None
    assert (vae.latent, vae.groups[0].prior_noise_shape) == (2, (3,))
    vae.fit_scaling(rows)
    torch.testing.assert_close(vae.encoder.inputs.offset, rows.mean(0))
    torch.testing.assert_close(vae.likelihood.offset, rows.mean(0))
    assert elbo(vae, rows).elbo.isfinite().all()


@pytest.mark.parametrize("inputs", ["standardized", "columns"])
def test_what_is_not_observed_is_not_read(inputs):
    vae, rows = make("columns" if inputs == "columns" else "gaussian")
    assert isinstance(vae.encoder.inputs, ColumnInputs if inputs == "columns" else Standardize)
    mask = torch.as_tensor(rng().random(rows.shape) < 0.5)
    found = vae.encode(Batch(rows.masked_fill(~mask, torch.nan), mask))
    assert torch.equal(found.mean, vae.encode(Batch(rows, mask)).mean)
    assert found.mean.isfinite().all()
    if inputs == "standardized":  # as a row that is there, with means in its gaps
        means = torch.where(mask, rows, vae.encoder.inputs.offset)
        torch.testing.assert_close(found.mean, vae.encode(Batch(means)).mean)
