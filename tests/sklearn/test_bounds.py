import numpy as np
import pytest
import torch

from oracles import LinearGaussian
from small_models import make
from variate import elbo, from_arrays
from variate.sklearn.bounds import bounds, in_float64


def test_with_the_exact_posterior_the_bound_is_the_evidence():
    linear = LinearGaussian(dim=5, latent=2, sigma=0.5)
    x = linear.draw(20)
    found = bounds(linear.vae("full"), from_arrays(x), 3)
    np.testing.assert_allclose(found, linear.log_evidence(x).numpy(), rtol=1e-9)


def test_one_draw_gives_an_elbo():
    linear = LinearGaussian(dim=5, latent=2, sigma=0.5)
    x = linear.draw(2_000)
    vae = linear.vae("diagonal")
    difference = bounds(vae, from_arrays(x), 1) - elbo(vae, x).elbo.numpy()
    # The noise of `bounds` is that of all rows, so their mean is off by one draw: its error is that of a single row.
    many = elbo(vae, x[:1].expand(2_000, -1)).elbo
    assert abs(difference.mean()) < 4 * float(many.std())


@pytest.mark.parametrize("num_samples", [1, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_score_of_a_row_does_not_depend_on_the_others(num_samples, dtype):
    vae, rows = make("quantile-logistic")
    data = from_arrays(rows.numpy(), schema=vae.recipe.schema)
    vae = vae.to(dtype)
    whole = bounds(vae, data, num_samples)
    order = np.random.default_rng(1).permutation(len(rows))
    np.testing.assert_allclose(bounds(vae, data.select(order), num_samples), whole[order], rtol=1e-12)
    for row in range(0, len(rows), 7):
        np.testing.assert_allclose(bounds(vae, data.select(np.array([row])), num_samples), whole[row], rtol=1e-12)


def test_the_model_itself_keeps_its_type():
    vae, _ = make("gaussian")
    vae.float()
    assert in_float64(vae).dtype == torch.float64
    assert vae.dtype == torch.float32
