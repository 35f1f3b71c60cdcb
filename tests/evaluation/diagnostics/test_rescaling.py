import math

import pytest
import torch

from examples import table
from ladder import Ladder
from oracles import LinearGaussian
from refusals import refused
from variate import ModelOptions, build
from variate.evaluation.diagnostics.rescaling import rescaling


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_a_wrong_sigma_is_found_and_priced(factor):
    # q is the posterior of the right model, so x given z has variance sigma^2 + the posterior's own through W; at the
    # right sigma residuals from one posterior draw have exactly sigma^2 a dimension on average.
    model = LinearGaussian(dim=10, latent=2, sigma=0.8)
    x = model.draw(2000)
    vae = model.vae("full")
    vae.likelihood.scale.log_scale += math.log(factor)
    found = rescaling(vae, x, num_rows=None)
    assert found.factor == pytest.approx(1 / factor, rel=0.2)  # the grid's step
    exact = 10 * (0.5 / factor**2 - 0.5 + math.log(factor))
    assert (
        abs(found.estimate.value - exact) <= 4 * found.estimate.stderr + 0.1
    )  # and the grid's distance to the optimum


def test_pixels_and_columns_have_scales_and_bits_have_none():
    pixels = torch.randint(0, 256, (40, 1, 5, 6), dtype=torch.uint8).numpy()
    options = ModelOptions(latent=2, width=8, depth=1)
    vae = build(pixels, options)
    weights = {k: v.clone() for k, v in vae.state_dict().items()}
    assert rescaling(vae, pixels) is not None
    assert all(torch.equal(weights[k], v) for k, v in vae.state_dict().items())
    rows = table(60)
    assert rescaling(build(rows, options), rows) is not None
    bits = torch.randint(0, 2, (40, 6)).numpy().astype("uint8")
    assert rescaling(build(bits, options), bits) is None


def test_numbers_do_not_depend_on_the_batch_size_and_leave_generators_alone():
    model = LinearGaussian(dim=10, latent=2, sigma=0.8)
    vae, x = model.vae("full"), model.draw(50)
    before = torch.get_rng_state()
    found, other = rescaling(vae, x, seed=1), rescaling(vae, x, seed=1, batch_size=7)
    assert found.factor == other.factor
    torch.testing.assert_close(found.gain, other.gain, atol=1e-9, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert refused(rescaling, vae, x, batch_size=0).argument == "batch_size"


def test_the_scale_of_a_model_with_two_groups_is_found_and_priced():
    model = Ladder().double().make_exact()
    x = model.sample(1000, seed=1)
    model.likelihood.scale.log_scale += math.log(2)
    found = rescaling(model, x, num_rows=None)
    assert found.factor == pytest.approx(0.5, rel=0.2)
    exact = 6 * (0.5 / 4 - 0.5 + math.log(2))
    assert abs(found.estimate.value - exact) <= 4 * found.estimate.stderr + 0.1
