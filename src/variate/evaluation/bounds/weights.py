r"""Statistics of importance weights, updated as the weights arrive: the bound, its error and its warning signs.

The K log-weights log w_k of each row arrive a few at a time. What is stored is

    log sum w  and  log sum w^2      so that IW_K = log sum w - log K and ESS = (sum w)^2 / sum w^2,
    the M + 1 largest log-weights    for Pareto k-hat, M = min(K / 5, 3 sqrt K),
    one running mean for each k      of log-mean-exps of groups of k successive draws: IW_k from the same K draws.

k-hat is the shape of a generalised Pareto distribution fitted to the M weights above the (M+1)-th largest. Below 0.5
the weights have a variance, below 0.7 the estimate can be used; above, a few draws decide it and the bound is loose.

References:
    An efficient estimation method for the generalized Pareto distribution (Zhang & Stephens, 2009)
    Pareto smoothed importance sampling (Vehtari et al., 2024)
"""

import math

import torch
from torch import Tensor

EQUAL = 1e-3
"""Weights count as equal if they differ by no more than this part of the largest: the differences are then mostly
rounding, and the shape of such a tail does not matter."""
LEAST_TAIL = 5
"""With fewer weights in the tail, its shape cannot be estimated and k-hat is NaN."""


def tail_size(num_samples: int) -> int:
    """Number of weights in the tail, M, of K weights."""
    return math.ceil(min(num_samples / 5, 3 * math.sqrt(num_samples)))


class WeightStatistics:
    """The log-weights of a block of rows, reduced as they arrive.

    Args:
        num_rows: Number of rows in the block, n.
        num_samples: Number of weights per row, K.
        also: Smaller numbers of draws k for which to compute bounds too.
        tile: Largest number of weights per row that arrive at a time; each k divides it or is a multiple of it.
    """

    def __init__(self, num_rows: int, num_samples: int, also: tuple[int, ...], tile: int) -> None:
        self.num_samples, self.tile = num_samples, tile
        self.log_sums = torch.full((2, num_rows), -math.inf, dtype=torch.float64)
        self.largest = torch.empty(0, num_rows, dtype=torch.float64)
        self.totals = {k: torch.zeros(num_rows, dtype=torch.float64) for k in also}
        self.partial = {k: torch.full((num_rows,), -math.inf, dtype=torch.float64) for k in also if k > tile}
        self.count = 0

    def add(self, log_w: Tensor) -> None:
        """Adds the next weights, (draws, n); every call but the last brings a whole tile."""
        log_w = log_w.double().cpu()
        self.count += len(log_w)
        of_tile = torch.stack([log_w, 2 * log_w]).logsumexp(1)
        self.log_sums = torch.logaddexp(self.log_sums, of_tile)
        candidates = torch.cat([self.largest, log_w])
        self.largest = candidates.topk(min(len(candidates), tail_size(self.num_samples) + 1), dim=0).values
        for k in self.totals:
            if k <= self.tile:
                whole = log_w[: len(log_w) // k * k]
                self.totals[k] += (whole.unflatten(0, (-1, k)).logsumexp(1) - math.log(k)).sum(0)
            else:
                self.partial[k] = torch.logaddexp(self.partial[k], of_tile[0])
                if self.count % k == 0:
                    self.totals[k] += self.partial[k] - math.log(k)
                    self.partial[k] = torch.full_like(self.partial[k], -math.inf)

    def bound(self, k: int) -> Tensor:
        """The mean of IW_k over all complete groups of k draws, (n,), in nats."""
        in_tiles = self.count // self.tile * (self.tile // k) + self.count % self.tile // k
        return self.totals[k] / (in_tiles if k <= self.tile else self.count // k)

    @property
    def log_mean(self) -> Tensor:
        """IW_K, (n,), in nats."""
        return self.log_sums[0] - math.log(self.count)

    @property
    def ess(self) -> Tensor:
        """Effective sample size, between 1 and K, (n,)."""
        return torch.exp(2 * self.log_sums[0] - self.log_sums[1])

    @property
    def khat(self) -> Tensor:
        """Pareto k-hat, (n,)."""
        return pareto_khat(self.largest)


def pareto_khat(largest: Tensor) -> Tensor:
    """Shape of a generalised Pareto distribution fitted to the upper tail, (n,).

    Args:
        largest: The M + 1 largest log-weights in descending order, (M + 1, n).

    Returns:
        k-hat with the weakly informative prior of Vehtari et al. (as if 10 more weights had shown 0.5); 0 where all
        weights are equal, NaN where the tail holds fewer than 5.
    """
    scaled = torch.exp(largest - largest[:1])
    x = (scaled[:-1] - scaled[-1:]).flip(0)
    size = len(x)
    if size < LEAST_TAIL:
        return torch.full(largest.shape[1:], math.nan, dtype=largest.dtype)
    equal = x[-1] <= EQUAL
    x = torch.where(equal, 1.0, x)  # the result there is replaced below
    points = 30 + math.isqrt(size)
    grid = 1 - torch.sqrt(points / (torch.arange(1, points + 1, dtype=x.dtype) - 0.5)).unsqueeze(1)
    quartile = x[int(size / 4 + 0.5) - 1].clamp(min=torch.finfo(x.dtype).tiny)
    b = 1 / x[-1] + grid / (3 * quartile)
    k = torch.stack([torch.log1p(-row * x).mean(0) for row in b])
    profile = size * (torch.log(-b / k) - k - 1)
    theta = (profile.softmax(0) * b).sum(0)
    shape = torch.log1p(-theta * x).mean(0)
    return torch.where(equal, 0.0, (shape * size + 5) / (size + 10))
