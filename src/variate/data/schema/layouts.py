"""What the axes of an array mean.

    (N, D)          N rows of D numbers
    (N, H, W)       N grey images, to (N, 1, H, W)
    (N, C, H, W)    N images of C = 1 .. 4 channels
    (N, H, W, C)    the same, to (N, C, H, W)

A shape that can be read in two ways is refused, and the message says how to make it unambiguous.
"""

import numpy as np

from variate.data.schema.kinds import require_numbers
from variate.errors import InputError

CHANNELS = range(1, 5)
"""How many channels an image may have: grey, grey and alpha, RGB, RGBA."""


def require_values(values: np.ndarray, name: str) -> None:
    """Refuses an array that holds nothing.

    Raises:
        InputError: If it has no row, or rows of no value.
    """
    if 0 in values.shape:
        raise InputError(name, "at least one row with at least one value", f"an empty array of shape {values.shape}")


def laid_out(values: np.ndarray, name: str) -> np.ndarray:
    """The array as (N, D) or (N, C, H, W).

    Args:
        values: An array in one of the layouts above.
        name: What to call it in an error.

    Raises:
        InputError: If it holds no rows or no numbers, or its shape has no meaning or two.
    """
    require_numbers(values.dtype, name)
    require_values(values, name)
    if values.ndim == 2:
        return values
    if values.ndim == 3:
        return _grey_images(values, name)
    if values.ndim == 4:
        return _channels_first(values, name)
    if values.ndim < 2:
        got = f"shape {values.shape}, one number per row, which looks like labels"
        raise InputError(name, "rows of several numbers", got, "give the array of the rows themselves")
    raise InputError(
        name, "rows (N, D), (N, H, W), (N, C, H, W) or (N, H, W, C)", f"{values.ndim} axes {values.shape}", "reshape it"
    )


def _grey_images(values: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W) to (N, 1, H, W), unless it looks like one image in colour."""
    if values.shape[2] in (3, 4) and values.shape[1] not in CHANNELS:
        raise InputError(
            name,
            "several images (N, H, W)",
            f"shape {values.shape}, which looks like one colour image",
            "give (N, H, W, C) for colour images, (N, H, W, 1) for grey ones, or (N, D) for rows",
        )
    return values[:, None]


def _channels_first(values: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W, C) to (N, C, H, W): the channels are the axis of length 1 to 4."""
    first, last = values.shape[1] in CHANNELS, values.shape[3] in CHANNELS
    if first and last:
        raise InputError(
            name,
            "either axis 1 or axis 3 to be the channels, of length 1 to 4",
            f"shape {values.shape}, where both could be",
            "transpose it so that only one of them is 4 or less, or flatten it to (N, D)",
        )
    if not first and not last:
        expected = "images of 1 to 4 channels, (N, C, H, W) or (N, H, W, C)"
        raise InputError(name, expected, f"shape {values.shape}", "give the channels as axis 1 or axis 3")
    return values if first else values.transpose(0, 3, 1, 2)
