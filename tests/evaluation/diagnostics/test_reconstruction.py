import math

import numpy as np
import pytest
import torch

from examples import table
from oracles import LinearGaussian
from refusals import refused
from variate import Column, ModelOptions, Schema, build, from_arrays, likelihoods
from variate.evaluation.diagnostics.reconstruction import reconstruction, ssim, window

OPTIONS = ModelOptions(latent=2, width=8, depth=1, network="mlp")


def naive_ssim(x, y):
    """Of two grey images of range 1, by a loop over places and the window's definition."""
    size = min(11, *(side if side % 2 else side - 1 for side in x.shape))
    half = size // 2
    weights = np.array(
        [[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i in range(-half, half + 1)] for j in range(-half, half + 1)]
    )
    weights /= weights.sum()
    found = []
    for i in range(x.shape[0] - size + 1):
        for j in range(x.shape[1] - size + 1):
            a, b = x[i : i + size, j : j + size], y[i : i + size, j : j + size]
            m, n = (weights * a).sum(), (weights * b).sum()
            v, w = (weights * (a - m) ** 2).sum(), (weights * (b - n) ** 2).sum()
            c = (weights * (a - m) * (b - n)).sum()
            found.append((2 * m * n + 1e-4) * (2 * c + 9e-4) / ((m * m + n * n + 1e-4) * (v + w + 9e-4)))
    return np.mean(found)


@pytest.mark.parametrize("shape", [(1, 14, 12), (3, 11, 20), (2, 8, 8), (1, 5, 30), (1, 1, 4)])
def test_ssim_is_its_definition(shape):
    x, y = torch.rand(3, *shape), torch.rand(3, *shape)
    y[0] = 0.7 * x[0] + 0.2
    oracle = [
        np.mean([naive_ssim(a, b) for a, b in zip(*pair, strict=True)])
        for pair in zip(x.numpy(), y.numpy(), strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y), oracle, atol=1e-12)


def test_ssim_is_one_of_an_image_with_itself_symmetric_and_falls_with_noise():
    x = torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(ssim(x, x), torch.ones(4), atol=1e-12, rtol=0)
    noise = torch.randn_like(x)
    little, much = ssim(x, x + 0.05 * noise), ssim(x, x + 0.5 * noise)
    assert (little > much).all()
    torch.testing.assert_close(ssim(x, noise), ssim(noise, x), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("side", "size"), [(1, 1), (2, 1), (8, 7), (10, 9), (11, 11), (28, 11)])
def test_window_is_the_largest_odd_one_that_fits(side, size):
    weights = window(side)
    assert len(weights) == size
    assert weights.sum().item() == pytest.approx(1)
    torch.testing.assert_close(weights, weights.flip(0))


@pytest.mark.parametrize("likelihood", ["discretized-logistic", "quantized-gaussian", "categorical"])
def test_errors_of_pixels_are_numpys(likelihood):
    rows = np.random.default_rng(0).integers(0, 256, (30, 1, 8, 8), dtype=np.uint8)
    vae = build(rows, ModelOptions(latent=2, width=8, depth=1, network="mlp", likelihood=likelihood))
    found = reconstruction(vae, rows, batch_size=7)
    x_hat = vae.reconstruct(rows).double().numpy()
    mse = ((rows - x_hat) ** 2).reshape(30, -1).mean(1)
    np.testing.assert_allclose(found.rmse, np.sqrt(mse), rtol=1e-5)
    np.testing.assert_allclose(found.psnr, 10 * np.log10(255**2 / mse), rtol=1e-5)
    oracle = [naive_ssim(a[0] / 255, b[0] / 255) for a, b in zip(rows, x_hat, strict=True)]
    np.testing.assert_allclose(found.ssim, oracle, atol=1e-5)
    assert found.rmse.dtype == torch.float64
    assert found.mean_psnr.value == pytest.approx(found.psnr.mean().item())
    assert found.mean_rmse.stderr == pytest.approx(found.rmse.std().item() / math.sqrt(30))


def test_bits_have_range_one():
    rows = np.random.default_rng(0).integers(0, 2, (20, 1, 8, 8), dtype=np.uint8)
    vae = build(rows, OPTIONS)
    assert isinstance(vae.likelihood, likelihoods.Bernoulli)
    found = reconstruction(vae, rows)
    np.testing.assert_allclose(found.psnr, -20 * found.rmse.log10(), rtol=1e-12)


def test_real_rows_have_an_rmse_only():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x = model.vae("full"), model.draw(25)
    found = reconstruction(vae, x, batch_size=4)
    gain = torch.linalg.solve(model.M, model.W.T)
    x_hat = (x - model.mu) @ gain.T @ model.W.T + model.mu
    torch.testing.assert_close(found.rmse, (x - x_hat).square().mean(1).sqrt(), atol=1e-9, rtol=0)
    assert found.psnr is found.ssim is found.mean_psnr is found.mean_ssim is None


def test_what_is_equal_has_an_infinite_psnr():
    rows = np.full((5, 1, 8, 8), 7, dtype=np.uint8)
    vae = build(rows, ModelOptions(latent=2, width=8, depth=1, network="mlp", likelihood="categorical"))
    with torch.no_grad():
        vae.likelihood.log_frequency.fill_(-1e9)
        vae.likelihood.log_frequency[7] = 0
    found = reconstruction(vae, rows)
    assert found.rmse.tolist() == [0] * 5
    assert found.psnr.tolist() == [math.inf] * 5
    torch.testing.assert_close(found.ssim, torch.ones(5))


def test_names_are_no_quantities():
    rows = table()
    vae = build(rows, ModelOptions(latent=2, width=8, depth=1))
    x, x_hat = rows.all().x.numpy(), vae.reconstruct(rows).double().numpy()
    oracle = np.sqrt(((x_hat - x) ** 2)[:, [0, 2, 3]].mean(1))
    np.testing.assert_allclose(reconstruction(vae, rows).rmse, oracle, rtol=1e-6)


def test_a_table_of_names_has_no_error_at_all():
    columns = (Column("a", "categorical", ("x", "y", "z")), Column("b", "categorical", ("u", "v")))
    values = np.random.default_rng(0).integers(0, 2, (20, 2)).astype(np.float64)
    rows = from_arrays(values, schema=Schema("table", (2,), columns=columns))
    found = reconstruction(build(rows, ModelOptions(latent=2, width=8, depth=1)), rows)
    assert tuple(found) == (None, None, None)
    assert found.mean_rmse is None


def test_errors_of_masked_rows_are_those_of_their_observed_elements():
    model = LinearGaussian(dim=6, latent=3, sigma=0.5)
    vae, x, mask = model.vae("full"), model.draw(25), torch.rand(25, 6) < 0.6
    mask[3] = False
    rows = from_arrays(torch.where(mask, x, torch.nan).numpy(), mask=mask.numpy())
    found, squares = reconstruction(vae, rows), (x - vae.reconstruct(rows)).square()
    oracle = torch.stack([squares[n, own].mean().sqrt() for n, own in enumerate(mask)])
    torch.testing.assert_close(found.rmse, oracle, equal_nan=True)
    assert found.rmse[3].isnan()
    assert found.mean_rmse.value == pytest.approx(oracle.nanmean().item())


def test_masked_images_have_no_structural_similarity():
    rows = np.random.default_rng(0).integers(0, 256, (9, 1, 8, 8), dtype=np.uint8)
    data = from_arrays(rows, mask=np.random.default_rng(1).random(rows.shape) < 0.5)
    found = reconstruction(build(rows, OPTIONS), data)
    assert found.ssim is None
    np.testing.assert_allclose(found.psnr, 20 * np.log10(255 / found.rmse.numpy()), rtol=1e-12)


def test_no_rows_and_no_batch_are_refused():
    vae = LinearGaussian(dim=6, latent=3, sigma=0.5).vae("full")
    assert refused(reconstruction, vae, torch.zeros(0, 6)).argument == "x"
    assert refused(reconstruction, vae, torch.zeros(2, 6), batch_size=0).argument == "batch_size"
