r"""Numbers of columns whose normal scores are a mixture of logistics.

With y the normal scores of a column (`variate.distributions.quantile_map`), F the column's own distribution function,
(a, b] the cell of a number x, R the interval of all scores of the range, and K components with weights w_k, locations
m_k and scales s_k,

    L(a, b) = sum_k w_k (S((b - m_k) / s_k) - S((a - m_k) / s_k)),     S(t) = 1 / (1 + exp(-t))
    P(x) = (1 - e) [(1 - u) L(a, b) / L(R) + u (F(b) - F(a)) / F(R)]

A number without a cell has a density instead; on a grid R is the whole line, L(R) = F(R) = 1. Two small constants keep
log-probabilities bounded. A share u of every number is drawn from the column as a whole: however sure the components
are, no number within the range costs more than log(1 / u) nats above what it costs without a model. And a share e lies
outside the range, half of it on either side: at a distance of d ranges it has the density 1 / (1 + d)^2, so that a
number that no row ever had is unlikely, but not impossible. Draws are from within the range.

The difference of two logistic functions is computed without cancellation, as in `variate.distributions.quantized`:

    S(b) - S(a) = S(b) S(-a) (1 - exp(a - b)),      S(b) = exp(min(b, 0)) S(|b|)
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from variate.distributions.elementwise import Elementwise
from variate.distributions.inversion import reaches
from variate.distributions.quantile_map import Cells, QuantileMap
from variate.distributions.support import Shape

COLUMN_SHARE = 1e-4
"""Share u of every number that is drawn from its column as a whole: costs of single cells are at most 9.2 nats above
those without a model, and a ten-thousandth of a nat is the price."""
LARGEST_SCORE = 40.0
"""Scores of quantiles are sought up to this: F is 0 and 1 beyond, in float64."""
SCORES = torch.linspace(-8, 8, 33, dtype=torch.float64)
"""Where intervals are divided to compute a mean: they are short where scores are, not where numbers are."""
LEAST_UNIFORM = 2.0**-53
"""Uniform numbers are kept this far from 0 and 1, where scores are infinite."""
NUMBERS_AT_A_TIME = 2**18
"""Distribution functions of components that are computed together: what stays in a processor's cache."""
BISECTIONS = 60
"""Halvings after which a score is known to rounding."""


class QuantileLogistic(Elementwise):
    """Independent numbers whose normal scores are mixtures of logistics.

    Args:
        quantiles: The normal scores of the columns.
        log_outside: Log of e, (columns,).
        logits: Unnormalised log-weights of the components, (*batch, K, columns).
        loc: Locations in scores, likewise.
        log_scale: Logs of the scales, likewise.
        all_on_grids: Whether every column has a grid, so that L(R) = F(R) = 1.
    """

    takes_uniform = True

    def __init__(
        self,
        quantiles: QuantileMap,
        log_outside: Tensor,
        logits: Tensor,
        loc: Tensor,
        log_scale: Tensor,
        all_on_grids: bool = False,
    ) -> None:
        self.quantiles, self.log_outside, self.all_on_grids = quantiles, log_outside, all_on_grids
        self.logits, self.loc, self.log_scale = logits, loc, log_scale
        super().__init__((*loc.shape[:-2], loc.shape[-1]), loc.dtype)

    @property
    def mean(self) -> Tensor:
        """Mean, (*shape), float64, as if numbers were uniform between neighbouring knots of the map."""
        return self._expectation(lambda middle, _: middle) + self._center

    @property
    def variance(self) -> Tensor:
        """Variance, (*shape), float64, likewise."""
        mean = self.mean - self._center
        squares = self._expectation(lambda middle, spread: middle.square() + spread)
        return (squares - mean.square()).clamp(min=0)  # which rounding may leave below 0 where nearly all is one number

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-masses and log-densities in nats, broadcast(shape, x.shape)."""
        located = self.quantiles.locate(x)
        own = self._log_components(located.cells).logsumexp(-2) + located.log_slope.to(self.dtype)
        from_column = located.log_share.to(self.dtype)
        if not self.all_on_grids:
            own = own - self._log_components(self.quantiles.range_cells).logsumexp(-2)
            from_column = from_column - (self.quantiles.shares[:, -1] - self.quantiles.shares[:, 0]).log()
        log_p = torch.logaddexp(own + math.log1p(-COLUMN_SHARE), from_column + math.log(COLUMN_SHARE))
        inside = log_p + torch.log1p(-self.log_outside.exp())
        return torch.where(located.distance > 0, self._log_outside(located.distance), inside).to(self.dtype)

    def _log_components(self, cells: Cells) -> Tensor:
        """Log of weight and mass, or density of the scores, of each component: (*broadcast, K, columns)."""
        each = (part.unsqueeze(-2) for part in cells)
        lower, upper, open_below, open_above, width, is_mass = each
        rate = torch.exp(-self.log_scale)
        above, below = (torch.where(side, torch.inf, 0.0).to(self.dtype) for side in (open_above, open_below))
        # Infinite ends are added at the end, so that no 0 * inf enters a gradient.
        b = (upper.to(self.dtype) - self.loc) * rate + above
        minus_a = (self.loc - lower.to(self.dtype)) * rate + below
        widths = width.to(self.dtype) * rate + (above + below)
        size = torch.where(is_mass, _one_minus_exp(torch.where(is_mass, widths, 1)), rate)
        edges = b.clamp(max=0) + minus_a.clamp(max=0) + logsigmoid(b.abs()) + logsigmoid(minus_a.abs())
        return self.logits.log_softmax(-2) + edges + size.log()

    def _log_outside(self, distance: Tensor) -> Tensor:
        """Log-probability of numbers outside the range."""
        span, on_grid = self.quantiles.span, self.quantiles.on_grid
        half = self.quantiles.step / (2 * span)
        log_size = torch.where(on_grid, self.quantiles.step, 1).log() - span.log()
        return (
            self.log_outside
            - math.log(2)
            + log_size
            - (distance - half).clamp(min=0).log1p()
            - (distance + half).log1p()
        )

    def contains(self, x: Tensor) -> Tensor:
        """Whether each x is finite."""
        return x.to(torch.float64).isfinite()

    @torch.no_grad()
    def sample(self, sample_shape: Shape = (), generator: torch.Generator | None = None) -> Tensor:
        """Draws from within the ranges, (*sample_shape, *shape), float64."""
        shape = torch.Size(sample_shape) + self.shape
        u = torch.rand(shape, dtype=torch.float64, device=self.loc.device, generator=generator)
        return self.from_uniform(u)

    @torch.no_grad()
    def from_uniform(self, u: Tensor) -> Tensor:
        """Draws from within the ranges, broadcast(shape, u.shape), float64.

        The interval from 0 to 1 is divided among the components by their weights, and the place of u within its part
        is a uniform number again, which gives the score.
        """
        is_own, shares = u >= COLUMN_SHARE, self.quantiles.shares
        loc, scale = self.loc.double(), self.log_scale.double().exp()
        start, end = (torch.sigmoid((score - loc) / scale) for score in self._range_scores())
        ends = (self.logits.double().softmax(-2) * (end - start)).cumsum(-2)
        place = ((u - COLUMN_SHARE) / (1 - COLUMN_SHARE)).clamp(min=0).unsqueeze(-2) * ends[..., -1:, :]
        component = (place > ends).sum(-2, keepdim=True).clamp(max=ends.shape[-2] - 1)
        begins = torch.cat([torch.zeros_like(ends[..., :1, :]), ends[..., :-1, :]], -2)
        parts = (loc, scale, start, end, begins, ends)
        loc, scale, start, end, lower, upper = (_chosen(part, component) for part in parts)
        within = ((place.squeeze(-2) - lower) / (upper - lower)).clamp(LEAST_UNIFORM, 1 - LEAST_UNIFORM)
        own = loc + scale * torch.logit(torch.lerp(start, end, within))
        from_column = torch.special.ndtri(torch.lerp(shares[:, 0], shares[:, -1], (u / COLUMN_SHARE).clamp(max=1)))
        return self.quantiles.inverse(torch.where(is_own, own, from_column))

    def cdf_below(self, x: Tensor) -> Tensor:
        """P(X < x), broadcast(shape, x.shape), float64."""
        x = x.to(torch.float64)
        before = torch.nextafter(x, torch.full_like(x, -torch.inf))
        return self.cdf(torch.where(self.quantiles.on_grid, self.quantiles.rounded(x) - self.quantiles.step, before))

    def _cdf(self, x: Tensor) -> Tensor:
        quantiles, outside = self.quantiles, self.log_outside.double().exp()
        x, half = quantiles.rounded(x), quantiles.step / 2
        cells = quantiles.locate(x).cells
        inside = self._cdf_of_scores(torch.where(cells.is_open_above, LARGEST_SCORE, cells.upper))
        below, above = quantiles.knots[:, 0] - x - half, x + half - quantiles.knots[:, -1]
        tail_below, tail_above = (outside / 2 / (1 + d.clamp(min=0) / quantiles.span) for d in (below, above))
        p = outside / 2 + (1 - outside) * inside
        return torch.where(x < quantiles.low, tail_below, torch.where(x > quantiles.high, 1 - tail_above, p))

    def _cdf_of_scores(self, y: Tensor) -> Tensor:
        """P(Y <= y) of scores within the range, given that they are."""
        start, end = (self._up_to(score) for score in self._range_scores())
        shares = self.quantiles.shares
        own = (self._up_to(y) - start) / (end - start)
        from_column = (torch.special.ndtr(y) - shares[:, 0]) / (shares[:, -1] - shares[:, 0])
        return ((1 - COLUMN_SHARE) * own + COLUMN_SHARE * from_column).clamp(0, 1)

    def _components(self) -> tuple[Tensor, Tensor, Tensor]:
        """Locations, inverse scales and weights, (*batch, K, columns) each, float64."""
        return self.loc.double(), torch.exp(-self.log_scale.double()), self.logits.double().softmax(-2)

    def _up_to(self, y: Tensor) -> Tensor:
        """The components' distribution function at scores, on the whole line."""
        loc, rate, weights = self._components()
        return (weights * torch.sigmoid((y.unsqueeze(-2) - loc) * rate)).sum(-2)

    def _range_scores(self) -> tuple[Tensor, Tensor]:
        """The ends of the scores of the ranges, (columns,)."""
        cells = self.quantiles.range_cells
        start = torch.where(cells.is_open_below, -LARGEST_SCORE, cells.lower)
        return start, torch.where(cells.is_open_above, LARGEST_SCORE, cells.upper)

    def _quantile(self, u: Tensor) -> Tensor:
        quantiles, outside = self.quantiles, self.log_outside.double().exp()
        shape = np.broadcast_shapes(self.shape, u.shape)
        wanted = ((u - outside / 2) / (1 - outside)).clamp(0, 1).expand(shape)
        low, high = (score.expand(shape) for score in self._range_scores())
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            enough = reaches(self._cdf_of_scores(middle), wanted)
            low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
        x = quantiles.inverse(high)
        before = x - quantiles.step  # the end of a cell may be missed by the rounding of its score
        x = torch.where(quantiles.on_grid & (before >= quantiles.low) & reaches(self.cdf(before), u), before, x)
        far = quantiles.span * (outside / 2 / torch.minimum(u, 1 - u) - 1)
        below = quantiles.rounded_up(quantiles.knots[:, 0] - far - quantiles.step / 2)
        above = quantiles.rounded_up(quantiles.knots[:, -1] + far - quantiles.step / 2)
        return torch.where(u < outside / 2, below, torch.where(u > 1 - outside / 2, above, x))

    @property
    def _center(self) -> Tensor:
        """The middles of the ranges, (columns,), from which moments are counted, so that little cancels."""
        return (self.quantiles.knots[:, 0] + self.quantiles.knots[:, -1]) / 2

    @torch.no_grad()
    def _expectation(self, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The mean of a function of the numbers between neighbouring knots, (*shape), float64.

        With f_j its value between knots j and j + 1 and L_j the components' distribution function at knot j, it is
        sum_j (L_{j+1} - L_j) f_j = sum_j L_j (f_{j-1} - f_j), where f is 0 beyond the ends.

        Args:
            function: Of the middle of the numbers, counted from the middle of the range, and of their variance.
        """
        knots, shares = self.quantiles.refined(SCORES.to(self.quantiles.shares))
        step, length = self.quantiles.step[:, None], knots.diff()
        middle = ((knots[:, 1:] + knots[:, :-1]) / 2).T
        middle = torch.where(length.T > step.T, middle, self.quantiles.rounded(middle)) - self._center
        values = function(middle.T, (length.square() - step.square()).clamp(min=0) / 12)
        from_column = (shares.diff() * values).sum(1) / (shares[:, -1] - shares[:, 0])
        changes = -torch.nn.functional.pad(values, (1, 1)).diff()
        scores = torch.special.ndtri(shares).clamp(-LARGEST_SCORE, LARGEST_SCORE)
        loc, rate, weights = self._components()
        own = torch.zeros(self.shape, dtype=torch.float64, device=knots.device)
        matters = (changes != 0).any(0).nonzero().flatten()
        for some in matters.split(max(1, NUMBERS_AT_A_TIME // max(1, loc.numel()))):
            place = (slice(None), some, *(None,) * (loc.dim() - 1))  # in front of the batch and the components
            y, change = (part[place].movedim(0, -1) for part in (scores, changes))
            up_to = torch.sigmoid((y - loc) * rate).mul_(weights).sum(-2)
            own += (up_to * change.squeeze(-2)).sum(0)
        start, end = (self._up_to(score) for score in self._range_scores())
        return (1 - COLUMN_SHARE) * own / (end - start) + COLUMN_SHARE * from_column


def _one_minus_exp(width: Tensor) -> Tensor:
    """1 - exp(-w) for w >= 0 as 2 t / (1 + t) with t = tanh(w / 2): torch.compile's expm1 is 0 for small numbers."""
    t = torch.tanh(width / 2)
    return 2 * t / (1 + t)


def _chosen(parameter: Tensor, component: Tensor) -> Tensor:
    """The parameter of each draw's component: (*draws, columns), from (*batch, K, columns) and (*draws, 1, columns)."""
    batch = np.broadcast_shapes(parameter.shape[:-2], component.shape[:-2])
    whole = parameter.expand(*batch, *parameter.shape[-2:])
    return whole.gather(-2, component.expand(*batch, 1, component.shape[-1])).squeeze(-2)
