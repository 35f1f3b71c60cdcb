r"""How close reconstructions are to the rows: for comparison with the literature, since none of it is a likelihood.

With x_hat = E[x|z] at z = E[z|x], deterministic, and a range R of the values of an image,

    rmse   sqrt( mean_i (x_i - x_hat_i)^2 )                      in the data's units
    psnr   20 log10(R / rmse)                                    in decibels
    ssim   mean over places and channels of
           (2 m m' + C1) (2 c + C2) / ((m^2 + m'^2 + C1) (v + v' + C2)),   C1 = (0.01 R)^2, C2 = (0.03 R)^2

where m, m' are the local means of x and x_hat, v, v' their variances and c their covariance, in a window of 11 x 11
pixels with Gaussian weights of standard deviation 1.5 (Wang et al., 2004), at every place where it fits. An image that
is smaller than the window takes the largest odd window that fits; its SSIM is not that of larger images.

References:
    Image quality assessment: from error visibility to structural similarity (Wang et al., 2004)
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from variate.evaluation.diagnostics.latents import checked
from variate.likelihoods import Bernoulli, Categorical, Columns, Likelihood
from variate.likelihoods.pixels import Pixels
from variate.models.vae import VAE, Array
from variate.statistics import Estimate, estimate

WINDOW, WINDOW_STD, K1, K2 = 11, 1.5, 0.01, 0.03
"""Of SSIM, as its authors chose them."""


class Reconstruction(NamedTuple):
    """How close each row's reconstruction is.

    Attributes:
        rmse: Root mean squared error, (N,), in the data's units, over all elements that are quantities: in a table the
            columns of names are left out, and the units of the others mix, so it compares models of one table only.
            None where every column holds names.
        psnr: Peak signal-to-noise ratio, (N,), in decibels; infinite where nothing is wrong. None unless rows are
            images of a known range: pixels, or bits.
        ssim: Structural similarity, (N,), at most 1; None likewise.
    """

    rmse: Tensor | None
    psnr: Tensor | None
    ssim: Tensor | None

    @property
    def mean_rmse(self) -> Estimate | None:
        """The mean of `rmse`."""
        return None if self.rmse is None else estimate(self.rmse)

    @property
    def mean_psnr(self) -> Estimate | None:
        """The mean of `psnr`."""
        return None if self.psnr is None else estimate(self.psnr)

    @property
    def mean_ssim(self) -> Estimate | None:
        """The mean of `ssim`."""
        return None if self.ssim is None else estimate(self.ssim)


def reconstruction(vae: VAE, x: Array, *, batch_size: int = 1024) -> Reconstruction:
    """Compares rows with their reconstructions.

    Args:
        vae: The model.
        x: Rows as they are, (N, *event).
        batch_size: Rows at a time.

    Returns:
        RMSE, PSNR and SSIM of each row, float64, on the CPU.

    Raises:
        InputError: If there is no row, `batch_size` is not positive, or the rows are not what the model takes.
    """
    rows = checked(vae, x, batch_size=batch_size)
    counted, span = quantities(vae.decoder.likelihood), image_range(vae.decoder.likelihood)
    squares, similar = [], []
    for batch in rows.split(batch_size):
        x_hat, truth = vae.reconstruct(batch, batch_size).double(), batch.cpu().double()
        squares.append((x_hat - truth)[:, counted].square().mean(-1))
        if span is not None:
            similar.append(ssim(truth / span, x_hat / span))
    rmse = torch.cat(squares).sqrt() if counted.any() else None
    if rmse is None or span is None:
        return Reconstruction(rmse, None, None)
    return Reconstruction(rmse, 20 * torch.log10(span / rmse), torch.cat(similar))


def quantities(likelihood: Likelihood) -> Tensor:
    """Which elements of a row are quantities and not codes that stand for names: booleans of shape *event."""
    result = torch.ones(likelihood.event_shape, dtype=torch.bool)
    if isinstance(likelihood, Columns):
        for part, columns in likelihood.items():
            result[columns.cpu()] = quantities(part)
    elif isinstance(likelihood, Categorical) and likelihood.nominal:
        result[...] = False
    return result


def image_range(likelihood: Likelihood) -> float | None:
    """The range of the values of an image, such as 255; None if rows are no images, or of no known range."""
    if len(likelihood.event_shape) != 3:
        return None
    if isinstance(likelihood, Bernoulli):
        return 1.0
    if isinstance(likelihood, Pixels) or (isinstance(likelihood, Categorical) and not likelihood.nominal):
        return float(max(1, likelihood.levels - 1))
    return None


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity of images of range 1, (N, channels, height, width): (N,)."""
    weights = window(min(*x.shape[-2:])).to(x)

    def local(image: Tensor) -> Tensor:
        flat = image.reshape(-1, 1, *image.shape[-2:])
        smooth = conv2d(conv2d(flat, weights.reshape(1, 1, -1, 1)), weights.reshape(1, 1, 1, -1))
        return smooth.reshape(len(image), -1)

    mean_x, mean_y = local(x), local(y)
    var_x, var_y = local(x.square()) - mean_x.square(), local(y.square()) - mean_y.square()
    covariance = local(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x.square() + mean_y.square() + K1**2)
    return (luminance * (2 * covariance + K2**2) / (var_x + var_y + K2**2)).mean(1)


def window(side: int) -> Tensor:
    """Gaussian weights along one side of the window, at most 11 and odd, that sum to 1."""
    size = min(WINDOW, side - (side + 1) % 2)
    place = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-0.5 * (place / WINDOW_STD).square())
    return weights / weights.sum()
