import math

import pytest
import torch

from examples import rng
from small_models import make
from variate.config.schema import Schema
from variate.data.dataset import Dataset
from variate.data.storage.in_memory import InMemory
from variate.objectives import Terms
from variate.runtime.distributed import Processes
from variate.runtime.random import Key, generator, mix
from variate.training.validation import DRAWS_AT_A_TIME, freeze_scale, validate


def residuals(vae, batch):
    """The squared residuals in standardised units that `freeze_scale` draws, (N, *event)."""
    noise = vae.posterior_noise(Key(generator(mix(0, "calibrate")), batch.num_rows), 1, batch.num_rows)
    with torch.no_grad():
        decoded = vae.decode(vae.infer(batch, noise).latents).mean.squeeze(0)
    return ((batch.x - decoded) / vae.likelihood.unit).square()


@pytest.mark.parametrize("placeholder", [0.0, 1e6, math.nan])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_optimal_scale_is_frozen_at_the_root_mean_square_of_what_is_observed(placeholder, share):
    vae, rows = make(scale="optimal")
    vae.eval()
    mask = torch.as_tensor(rng().random(rows.shape) < share)
    data = Dataset(
        InMemory(torch.where(mask, rows, placeholder).numpy()), Schema("real", (4,)), mask=InMemory(mask.numpy())
    )
    squares = residuals(vae, data.all())
    freeze_scale(vae, data)
    torch.testing.assert_close(vae.likelihood.scale.log_scale, 0.5 * squares[mask].mean().log())
    if share == 1:
        freeze_scale(vae, data.replace(mask=None))
        torch.testing.assert_close(vae.likelihood.scale.log_scale, 0.5 * squares.mean().log())


def test_the_importance_weighted_bound_is_that_of_the_same_draws_and_few_are_decoded_at_a_time(monkeypatch):
    vae, rows = make()
    data = Dataset(InMemory(rows.numpy()), Schema("real", (4,)))
    samples = DRAWS_AT_A_TIME // 3  # three rows at a time
    sizes, weights, infer = [], [], vae.infer

    def recorded(batch, noise):
        draws = infer(batch, noise)
        sizes.append(draws.log_px.numel())
        weights.append((draws.log_px - draws.log_ratio).double())
        return draws

    monkeypatch.setattr(vae, "infer", recorded)
    found = validate(vae, data, 0, Processes(), samples)
    assert len(sizes) == math.ceil(len(rows) / 3)
    assert max(sizes) <= DRAWS_AT_A_TIME
    log_w = torch.cat(weights, 1)
    assert found["iwae"] == pytest.approx(float((log_w.logsumexp(0) - math.log(samples)).mean()), rel=1e-5)
    assert found["iwae"] > found["elbo"]
    assert validate(vae, data, 0, Processes()).keys() == set(Terms._fields)
