r"""Paths between two places a and b of latent space, t from 0 to 1, whose ends are exactly a and b.

    linear     z(t) = (1 - t) a + t b
    spherical  z(t) = r(t) (sin((1 - t) w) a/|a| + sin(t w) b/|b|) / sin(w),    r(t) = (1 - t) |a| + t |b|

with w the angle between a and b, seen from the centre of N(0, I). Means of different norms are no points of one
sphere: the direction turns at a constant rate and the norm changes linearly. Where the great circle is not unique (a
or b is 0, or they are parallel, as they always are with one latent), the path is the straight line.

References:
    Sampling generative networks (White, 2016), for the spherical path
"""

import torch
from torch import Tensor

LEAST_SINE = 1e-6
"""Sines of angles below which two directions count as parallel."""


def linear(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The straight line.

    Args:
        start: a, (d,).
        end: b, (d,).
        t: Places on the path, (P,).

    Returns:
        Latents, (P, d).
    """
    return _with_ends(start + t[:, None] * (end - start), start, end, t)


def spherical(start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The arc around the origin, with the arguments and the result of `linear`."""
    norms = start.norm(), end.norm()
    if min(norms) == 0:
        return linear(start, end, t)
    a, b = start / norms[0], end / norms[1]
    angle = 2 * torch.atan2((a - b).norm(), (a + b).norm())  # accurate at both ends, unlike the arc cosine
    if torch.sin(angle) < LEAST_SINE:
        return linear(start, end, t)
    part = t[:, None]
    direction = (torch.sin((1 - part) * angle) * a + torch.sin(part * angle) * b) / torch.sin(angle)
    return _with_ends(torch.lerp(norms[0], norms[1], part) * direction, start, end, t)


def _with_ends(path: Tensor, start: Tensor, end: Tensor, t: Tensor) -> Tensor:
    """The path with its ends as they are, to the last bit."""
    path = torch.where(t[:, None] == 0, start, path)
    return torch.where(t[:, None] == 1, end, path)
