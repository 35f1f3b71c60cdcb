r"""What is known of rows: the values of some elements, and intervals in which others lie.

With o the elements whose values are known and [a_j, b_j] the interval in which element j lies, the probability of what
is known is, given the latents,

    p(known | z) = p(x_o | z)  prod_j P(a_j <= X_j <= b_j | z),    P = F(b_j) - F(a_j-),

since the elements are independent given z. F(a-) = P(X < a) is F(a) where X is continuous. An element of which nothing
is known has the interval from -inf to inf, so this is also p(x_o | z) of rows with gaps. The masses are computed in
float64 from distribution functions, which keep their digits near 0 and not near 1: one that lies in the upper tail has
an absolute error of 1e-16.

An element in an interval is drawn by inversion: with u uniform,

    x_j = F^-1( F(a_j-) + u [F(b_j) - F(a_j-)] ),

and others are drawn from p(x_j | z). Each row has a random stream of its own, so that its draws do not depend on which
rows are drawn together.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.distributions.elementwise import Elementwise
from variate.errors import InputError
from variate.likelihoods.base import Likelihood
from variate.likelihoods.gaps import WithGaps
from variate.runtime.finite import TRAIN_AGAIN
from variate.runtime.random import RowStreams


class Bounds(NamedTuple):
    """Intervals of elements, both ends included.

    Attributes:
        low: Lower ends, (N, *event), float64; -inf where there is none.
        high: Upper ends, (N, *event), float64; inf where there is none.
    """

    low: Tensor
    high: Tensor


class Known(NamedTuple):
    """What is known of N rows.

    Attributes:
        batch: The rows on the model's device, with the mask of the elements whose values are known.
        bounds: Intervals in which other elements lie; None: nothing is known of them.
        has_gaps: Whether elements without a value are gaps in the data, which a model of gaps finds more or less
            probable; else they are merely not asked for.
    """

    batch: Batch
    bounds: Bounds | None = None
    has_gaps: bool = False

    @property
    def mask(self) -> Tensor:
        """Whether the value of an element is known, (N, *event)."""
        x, mask = self.batch.x, self.batch.mask
        return torch.ones_like(x, dtype=torch.bool) if mask is None else mask

    @property
    def has_any(self) -> Tensor:
        """Whether anything is known of a row, (N,)."""
        known = self.mask
        if self.bounds is not None:
            known = known | self.bounds.low.isfinite() | self.bounds.high.isfinite()
        return known.flatten(1).any(1)

    def select(self, index: Tensor) -> "Known":
        """Some of the rows, by their positions, (n,) int64."""
        bounds = None if self.bounds is None else Bounds(*(end[index] for end in self.bounds))
        return Known(self.batch.select(index), bounds, self.has_gaps)

    def repeated(self, draws: int) -> "Known":
        """The rows several times: N rows, then the same N rows again."""
        return self.select(torch.arange(self.batch.num_rows, device=self.batch.x.device).repeat(draws))


def elements_of(likelihood: Likelihood, outputs: Tensor) -> Elementwise:
    """The distributions of the elements of rows, which are independent given the latents.

    Args:
        likelihood: The likelihood.
        outputs: Its parameters, (*batch, *out_shape).

    Raises:
        InputError: If the elements depend on one another.
    """
    p_x = likelihood(outputs)
    if p_x.num_factors != 1:
        expected = "a likelihood whose elements are independent given the latents"
        raise InputError("model", expected, f"one of {p_x.num_factors} factors that depend on one another")
    return p_x.factor(0)


def log_prob_known(likelihood: Likelihood, outputs: Tensor, known: Known) -> Tensor:
    """Log p(known | z) of each row, (L, N), in nats, float64; -inf where it is impossible.

    Args:
        likelihood: The likelihood.
        outputs: Its parameters for draws of the latents, (L, N, *out_shape).
        known: What is known.
    """
    log_p = log_prob_rows(likelihood, outputs, known.batch.x, known.mask, known)
    if known.bounds is None:
        return log_p
    below, upto = interval_ends(elements_of(likelihood, outputs), known.bounds)
    return log_p + (upto - below).clamp(min=0).log().flatten(2).sum(-1)


def log_prob_rows(likelihood: Likelihood, outputs: Tensor, x: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """Log p(x | z) of rows, (L, N), in nats, float64, with that of their gaps where they have such.

    Args:
        likelihood: The likelihood.
        outputs: Its parameters, (L, N, *out_shape).
        x: The rows, (N, *event), perhaps filled.
        mask: Which elements count, (N, *event); None: all do.
        known: What is known of the rows.
    """
    if not isinstance(likelihood, WithGaps):
        return likelihood.log_prob(outputs, x, mask).double()
    p_x = likelihood.distribution(outputs)
    log_p = p_x.values.log_prob(x, mask, check_support=False).double()
    return log_p + p_x.log_prob_gaps(known.mask).double() if known.has_gaps else log_p


def draw_unknown(likelihood: Likelihood, outputs: Tensor, known: Known, streams: RowStreams, draws: int = 1) -> Tensor:
    """Rows whose known values are as they are, and whose other elements are drawn within their intervals.

    Args:
        likelihood: The likelihood.
        outputs: Its parameters for draws of the latents, (L, N, *out_shape).
        known: What is known.
        streams: A stream for each of the N rows.
        draws: Rows for each draw of the latents, S.

    Returns:
        Rows, (S, L, N, *event), in float64.

    Raises:
        InputError: If the parameters are not finite.
    """
    drawn = _sampled(likelihood, outputs, streams, draws).double()
    if known.bounds is not None:
        low, high = known.bounds
        is_bounded = low.isfinite() | high.isfinite()
        p_x = elements_of(likelihood, outputs)
        below, upto = interval_ends(p_x, known.bounds)
        u = streams.uniform(draws * outputs.shape[0], drawn.shape[3:], low).unflatten(0, drawn.shape[:2])
        u = below + u * (upto - below).clamp(min=0)
        inside = where_wanted(lambda part, own: part.quantile(own), p_x, u, is_bounded)
        drawn = torch.where(is_bounded, inside.clamp(low, high), drawn)  # inversion may be off by the rounding of u
    return torch.where(known.mask, known.batch.x.double(), drawn)


def _sampled(likelihood: Likelihood, outputs: Tensor, streams: RowStreams, draws: int) -> Tensor:
    """Draws of whole rows, (S, L, N, *event), those of each row from its own stream.

    Raises:
        InputError: If the parameters are not finite: torch draws from no such distribution.
    """
    require_finite_outputs(outputs)
    p_x = likelihood(outputs)
    elements = p_x.factor(0) if p_x.num_factors == 1 else None
    if elements is not None and elements.takes_uniform:
        u = streams.uniform(draws * len(outputs), p_x.event_shape, outputs)
        return elements.from_uniform(u.unflatten(0, (draws, len(outputs))))
    own = zip(outputs.split(1, 1), streams.on(outputs.device), strict=True)
    return torch.cat([likelihood(part).sample((draws,), source) for part, source in own], 2)


def require_finite_outputs(outputs: Tensor) -> None:
    """Refuses parameters of a likelihood that are not finite.

    Raises:
        InputError: If one is not.
    """
    if not outputs.isfinite().all():
        raise InputError("the decoder's outputs", "finite numbers", "NaN or infinity", TRAIN_AGAIN)


def interval_ends(p_x: Elementwise, bounds: Bounds) -> tuple[Tensor, Tensor]:
    """P(X < low) and P(X <= high) of each element, (L, N, *event), in float64."""
    has_low, has_high = bounds.low.isfinite(), bounds.high.isfinite()
    below = where_wanted(lambda part, low: part.cdf_below(low), p_x, bounds.low, has_low)
    upto = where_wanted(lambda part, high: part.cdf(high), p_x, bounds.high, has_high)
    return torch.where(has_low, below, 0.0), torch.where(has_high, upto, 1.0)


@runtime_checkable
class Parted(Protocol):
    """Elements of several families, such as the columns of a table.

    Attributes:
        parts: The distributions of the families, of shapes (*batch, n_i).
        columns: The columns of each.
    """

    parts: tuple[Elementwise, ...]
    columns: tuple[Tensor, ...]


def where_wanted(
    function: Callable[[Elementwise, Tensor], Tensor], p_x: Elementwise, x: Tensor, wanted: Tensor
) -> Tensor:
    """A function of the elements, which is not called for families of which no element is wanted: some are slow.

    Args:
        function: Of the distributions of elements and a number for each, giving a number for each in float64.
        p_x: The distributions, of shape (*batch, *event).
        x: The numbers; broadcasts with the distributions.
        wanted: Which elements are wanted, (N, *event).

    Returns:
        The function's values, in the shape of both; 0 for families that were left out.
    """
    if not isinstance(p_x, Parted):
        return function(p_x, x)
    x = x.expand(torch.broadcast_shapes(x.shape, p_x.shape))
    found = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    for part, columns in zip(p_x.parts, p_x.columns, strict=True):
        if wanted[..., columns].any():
            found[..., columns] = function(part, x[..., columns])
    return found
