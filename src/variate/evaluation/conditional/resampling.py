r"""Latents resampled by importance weights, as the weights arrive: what is kept does not grow with their number.

Of K weighted draws (z_k, w_k) of a row, each of R slots is to hold z_k with probability w_k / sum w, independently of
the other slots. The draws arrive in tiles. A slot takes a draw of the tile, chosen by the weights within it, with
probability

    W_tile / (W_before + W_tile),

and else keeps what it holds: by induction it then holds each draw so far with probability w_k over the sum so far.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Resampled:
    """R draws per row from K weighted draws.

    Attributes:
        slots: The draws of each group, (R, N, *shape); None before the first tile.
        log_total: Log of the sum of the weights, (N,), float64.
        log_squares: Log of the sum of their squares, (N,), float64.
        count: Number of weights so far, K.
    """

    def __init__(self) -> None:
        self.slots: tuple[Tensor, ...] | None = None
        self.log_total = self.log_squares = torch.full((), -torch.inf, dtype=torch.float64)
        self.count = 0

    @property
    def ess(self) -> Tensor:
        """Effective sample size of the weights, (sum w)^2 / sum w^2, (N,); 0 where every weight is 0."""
        ess = torch.exp(2 * self.log_total - self.log_squares)
        return torch.where(self.log_total == -torch.inf, 0.0, ess)

    @property
    def log_mean(self) -> Tensor:
        """Log of the mean weight, (N,), in nats: an estimate of log p(known)."""
        return self.log_total - math.log(self.count)

    @property
    def latents(self) -> tuple[Tensor, ...]:
        """The draws of each group, (R, N, *shape)."""
        assert self.slots is not None
        return self.slots

    def add(self, latents: Sequence[Tensor], log_w: Tensor, u: Tensor) -> None:
        """Takes the next weighted draws.

        Args:
            latents: Draws of each group, (L, N, *shape).
            log_w: Their log-weights, (L, N), float64.
            u: Uniform numbers, (R, N), which decide about the slots.
        """
        of_tile = log_w.logsumexp(0)
        total = torch.logaddexp(self.log_total.to(log_w.device), of_tile)
        share = torch.where(of_tile == -torch.inf, 0.0, torch.exp(of_tile - total))
        taken = u < share
        cumulative = torch.exp(log_w - log_w.max(0).values).nan_to_num(0.0).cumsum(0)
        place = torch.where(taken, u / share, 0.5) * cumulative[-1]
        chosen = torch.searchsorted(cumulative.T.contiguous(), place.T.contiguous()).T.clamp(max=len(log_w) - 1)
        drawn = [_gathered(z, chosen) for z in latents]
        before = self.slots or drawn
        self.slots = tuple(torch.where(_like(taken, new), new, old) for new, old in zip(drawn, before, strict=True))
        self.log_total, self.count = total, self.count + len(log_w)
        self.log_squares = torch.logaddexp(self.log_squares.to(log_w.device), (2 * log_w).logsumexp(0))


def _gathered(z: Tensor, chosen: Tensor) -> Tensor:
    """The chosen draws, (R, N, *shape), of z, (L, N, *shape)."""
    return z[chosen, torch.arange(z.shape[1], device=z.device)]


def _like(flags: Tensor, z: Tensor) -> Tensor:
    """Flags, (R, N), with axes that broadcast with z, (R, N, *shape)."""
    return flags.reshape(*flags.shape, *(1,) * (z.dim() - 2))
