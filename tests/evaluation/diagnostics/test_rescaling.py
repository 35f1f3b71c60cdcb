import math

import pytest
import torch

from examples import table
from oracles import LinearGaussian
from variate import ModelOptions, build
from variate.evaluation.diagnostics.rescaling import rescaling


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 2.0, 4.0])
def test_a_wrong_sigma_is_found_and_priced(factor):
    # q is the posterior of the right model, so x given z has variance sigma^2 + the posterior's own through W; at the
    # right sigma residuals from one posterior draw have exactly sigma^2 a dimension on average.
    model = LinearGaussian(dim=10, latent=2, sigma=0.8)
    x = model.draw(4000)
    vae = model.vae("full")
    vae.decoder.likelihood.scale.log_scale += math.log(factor)
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
    assert rescaling(build(rows, options), rows.values) is not None
    bits = torch.randint(0, 2, (40, 6)).numpy().astype("uint8")
    assert rescaling(build(bits, options), bits) is None
