r"""How close reconstructions are to the rows, for comparison with the literature; none of these is a likelihood.

With x_hat = E[x|z] at z = E[z|x], deterministic, and R the range of the values of an image,

    rmse   sqrt( mean_i (x_i - x_hat_i)^2 )                      in the data's units
    psnr   20 log10(R / rmse)                                    in decibels
    ssim   mean over places and channels of
           (2 m m' + C1) (2 c + C2) / ((m^2 + m'^2 + C1) (v + v' + C2)),   C1 = (0.01 R)^2, C2 = (0.03 R)^2

where m, m' are the local means of x and x_hat, v, v' their variances and c their covariance, in a window of 11 x 11
pixels with Gaussian weights of standard deviation 1.5 (Wang et al., 2004), at every place where it fits. For an image
smaller than the window, the largest odd window that fits is used; such values cannot be compared with those of larger
images. With a mask, errors are means over the observed elements, and there is no SSIM.

References:
    Image quality assessment: from error visibility to structural similarity (Wang et al., 2004)
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from variate.limits import Rows, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.statistics import Estimate, estimate

WINDOW, WINDOW_STD, K1, K2 = 11, 1.5, 0.01, 0.03
"""Parameters of SSIM, as its authors chose them."""


class Reconstruction(NamedTuple):
    """How close each row's reconstruction is.

    Attributes:
        rmse: Root mean squared error, (N,), in the data's units, over all observed elements that are quantities; NaN
            for a row without one. In a table, columns of names are left out, and the others have different units, so it
            compares models of one table only. None if every column holds names.
        psnr: Peak signal-to-noise ratio, (N,), in decibels; infinite for a perfect reconstruction. None unless rows are
            images of a known range: pixels, or bits.
        ssim: Structural similarity, (N,), at most 1; None likewise, and for rows with a mask.
    """

    rmse: Tensor | None
    psnr: Tensor | None
    ssim: Tensor | None

    @property
    def mean_rmse(self) -> Estimate | None:
        """The mean of `rmse`."""
        return _mean(self.rmse)

    @property
    def mean_psnr(self) -> Estimate | None:
        """The mean of `psnr`."""
        return _mean(self.psnr)

    @property
    def mean_ssim(self) -> Estimate | None:
        """The mean of `ssim`."""
        return _mean(self.ssim)


def _mean(values: Tensor | None) -> Estimate | None:
    """The mean over the rows that have a value."""
    return None if values is None else estimate(values[~values.isnan()])


@checked_arguments
@of_a_model
def reconstruction(model: Model, data: Data, *, batch_size: Rows = 1024) -> Reconstruction:
    """Compares rows with their reconstructions.

    Args:
        model: The model.
        data: Rows as they are, (N, *event), a data set, or splits, whose test part is taken.
        batch_size: Rows at a time.

    Returns:
        RMSE, PSNR and SSIM of each row, float64, on the CPU.

    Raises:
        InputError: If `batch_size` is not positive, or the rows are not what the model takes.
    """
    rows, counted = model.dataset(data), model.likelihood.is_quantity()
    span = model.likelihood.value_range if len(model.event_shape) == 3 else None
    squares, similar = [], []
    with evaluating(model):
        for batch in rows.batches(batch_size):
            on_device = batch.to(model.device)
            p_x = model.decode(model.mean_path(on_device), on_device.context)
            x_hat, truth = p_x.mean.squeeze(0).cpu().double(), batch.x.double()
            mask = None if batch.mask is None else batch.mask[:, counted]
            squares.append(mean_square((x_hat - truth)[:, counted], mask))
            if span is not None and mask is None:
                similar.append(ssim(truth / span, x_hat / span))
    rmse = torch.cat(squares).sqrt() if counted.any() else None
    if rmse is None or span is None:
        return Reconstruction(rmse, None, None)
    return Reconstruction(rmse, 20 * torch.log10(span / rmse), torch.cat(similar) if similar else None)


def mean_square(errors: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of the squares of each row's observed errors, (N, D), (N,); NaN where none is observed."""
    if mask is None:
        return errors.square().mean(-1)
    return torch.where(mask, errors, 0).square().sum(-1) / mask.sum(-1)


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity of pairs of images of range 1, (N, channels, height, width): (N,)."""
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
    """Gaussian weights along one side of the window, an odd number of them and at most 11, that sum to 1."""
    size = min(WINDOW, side - (side + 1) % 2)
    place = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-0.5 * (place / WINDOW_STD).square())
    return weights / weights.sum()
