r"""Statistics of importance weights, updated as the weights arrive: the bound, its noise and its warning signs.

The K log-weights log w_k of each row arrive a few at a time. What is stored is

    log sum w  and  log sum w^2      so that IW_K = log sum w - log K and ESS = (sum w)^2 / sum w^2,
    the M + 1 largest log-weights    for Pareto k-hat, M = min(K / 5, 3 sqrt K),
    one running mean for each k      of log-mean-exps of groups of k successive draws: IW_k from the same K draws.

k-hat is the shape of a generalised Pareto distribution fitted to the M weights above the (M+1)-th largest. Below 0.5
the weights have a variance; above 0.7 a few draws decide, and those that would have decided may not have been drawn.

The noise of a row is the standard deviation of IW_K over repeated draws. One of K weights of mean mu moves IW_K by

    g(w) = log(1 + (w - mu) / (K mu)),    so that    Var IW_K = K Var g(w)

if the other weights are near their mean. Where all weights are small, that is the delta method, 1 / ESS - 1 / K. It is
too small for a heavy tail, because the largest weight that was drawn is smaller than what may be drawn. So Var g is
taken under the fitted Pareto distribution and not over the M weights. Above k = 0.5 a weight has no variance, but g(w),
a logarithm, has one for every k. `python -m benchmarks noise` compares this with the delta method, with
Pareto-smoothed weights and with the bootstrap, against repeated draws.

The limit for k-hat is 0.7 for every K. One that is lower for fewer draws, min(1 - 1 / log10 K, 0.7), is meant for the
bias of Pareto-smoothed estimates (Vehtari et al., 2024). Here it would flag every fourth row with k = 0.3 at K = 100,
since few draws leave k-hat uncertain, and the noise of the others would be no better.

References:
    An efficient estimation method for the generalized Pareto distribution (Zhang & Stephens, 2009)
    Pareto smoothed importance sampling (Vehtari et al., 2024)
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

EQUAL = 1e-3
"""Weights count as equal if they differ by no more than this part of the largest: the differences are then mostly
rounding, and the shape of such a tail does not matter."""
LEAST_TAIL = 5
"""With fewer weights in the tail, its shape cannot be estimated and k-hat is NaN."""
UNRELIABLE = 0.7
"""Rows whose k-hat exceeds this have an estimate that a few draws decide."""
LEAST_DRAWS = 100
"""With fewer draws the noise cannot be told: the tail is too short to show how heavy it is."""
LARGEST_EXPONENT = 600.0
"""Of a quantile: float64 ends near exp(709), and a weight that is so much larger than the others decides already."""
NODES, WEIGHTS = (torch.from_numpy(values) for values in np.polynomial.laguerre.laggauss(64))
"""Quadrature of the mean of a function of a standard exponential number."""


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

    def tail(self) -> "Tail":
        """The distribution of the largest weights; its shape is k-hat."""
        return fit_tail(self.largest)

    def noise(self, tail: "Tail") -> Tensor:
        """Standard deviation of IW_K over repeated draws, (n,), in nats; too small where k-hat is above 0.7."""
        drawn = torch.exp(self.largest[:-1] - self.largest[0])
        total, squares = (torch.exp(self.log_sums[i] - (i + 1) * self.largest[0]) for i in range(2))
        mean, others = total / self.count, self.count - len(drawn)
        # Sums of g and g^2: of the weights below the tail g is linear, and their sums are known.
        below = total - drawn.sum(0)
        first = (below - others * mean) / total
        second = (squares - drawn.square().sum(0) - 2 * mean * below + others * mean.square()) / total.square()
        g = torch.log1p((tail.quantiles(NODES) - mean) / total)
        first = first + len(drawn) * (WEIGHTS @ g)
        second = second + len(drawn) * (WEIGHTS @ g.square())
        return (second - first.square() / self.count).clamp(min=0).sqrt()


class Tail(NamedTuple):
    """The generalised Pareto distribution of the M largest weights of each row, in units of the largest.

        P(w > t | w > start) = (1 + shape (t - start) / scale)^(-1 / shape)

    Attributes:
        start: The (M+1)-th largest weight, (n,).
        scale: Scale, (n,).
        shape: Shape, which is k-hat, (n,).
    """

    start: Tensor
    scale: Tensor
    shape: Tensor

    def quantiles(self, t: Tensor) -> Tensor:
        """The weights that are exceeded with probability exp(-t), (len(t), n)."""
        t = t.unsqueeze(1)
        steep = self.shape.abs() > torch.finfo(self.shape.dtype).eps
        rise = torch.expm1((self.shape * t).clamp(max=LARGEST_EXPONENT))
        growth = torch.where(steep, rise / torch.where(steep, self.shape, 1.0), t)
        return self.start + self.scale * growth


def flagged_excess(khat: Tensor, noise: Tensor, num_samples: int) -> Tensor:
    """How far the draws that flagged a row may have raised its bound, (n,), in nats; 0 for rows that are not flagged.

    A row that draws a large weight has a higher bound and a larger k-hat than when it does not. So rows that are not
    flagged are, together, too low by what the flagged ones are too high. That is at most the noise of a flagged row,
    times twice the probability that another set of draws would not flag it,

        2 Phi((0.7 - k-hat) / (sqrt(2) s)),    s = (1 + k-hat) sqrt(M) / (M + 10),

    which is 1 at the limit, and 0 far above it: such rows are flagged whatever is drawn.

    Args:
        khat: Pareto k-hat of each row, (n,).
        noise: Noise of each row, (n,), in nats.
        num_samples: Number of weights per row, K.
    """
    size = tail_size(num_samples)
    stderr = (1 + khat) * math.sqrt(size) / (size + 10)
    by_luck = 2 * torch.special.ndtr((UNRELIABLE - khat) / (math.sqrt(2) * stderr))
    return torch.where(khat > UNRELIABLE, by_luck * noise, 0.0)


def fit_tail(largest: Tensor) -> Tail:
    """Fits a generalised Pareto distribution to the largest weights of each row.

    Args:
        largest: The M + 1 largest log-weights in descending order, (M + 1, n).

    Returns:
        The tail, whose shape has the weakly informative prior of Vehtari et al. (as if 10 more weights had shown 0.5);
        of shape 0 where all weights are equal, NaN where there are fewer than 5 in it.
    """
    scaled = torch.exp(largest - largest[:1])
    x = (scaled[:-1] - scaled[-1:]).flip(0)
    size, start, excess = len(x), scaled[-1], x.mean(0)
    if size < LEAST_TAIL:
        return Tail(*torch.full((3, *largest.shape[1:]), math.nan, dtype=largest.dtype))
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
    scale = torch.where(equal, excess, -shape / theta)
    return Tail(start, scale, torch.where(equal, 0.0, (shape * size + 5) / (size + 10)))
