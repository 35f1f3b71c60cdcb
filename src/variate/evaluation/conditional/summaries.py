r"""One value per element from draws of the latents: what suits each loss, and how uncertain it is.

Given R draws z_r from p(z | known), an unknown element has the distribution F = (1/R) sum_r F_r, F_r = F(. | z_r).

    mean      (1/R) sum_r E[x | z_r], which has the least squared error
    median    of S draws from each F_r, which has the least absolute error
    mode      the value of the largest (1/R) sum_r p(x | z_r): among all codes of a name, else among R draws

The median is a value that the element can have: whole where it is a count, on the grid where there is one. A name has
no order, and its most probable code stands for its mean and its median.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from variate.distributions.elementwise import Elementwise
from variate.evaluation.conditional.known import Known, where_wanted
from variate.limits import Fill

SPREAD = 10
"""Draws from each F_r for a median and a standard deviation, S."""


class Summary(NamedTuple):
    """What stands for the unknown elements of N rows.

    Attributes:
        value: Rows with the known values as they are and the others filled, (N, *event), float64.
        std: Standard deviation of each unknown quantity, and of a name the probability that another code than the most
            probable one is right; 0 where a value is known. (N, *event), float64; None unless it was asked for.
    """

    value: Tensor
    std: Tensor | None


class Unknown(NamedTuple):
    """The distribution of the unknown elements of N rows, as R equally likely parts.

    Attributes:
        p_x: The distributions of the elements, of shape (R, N, *event).
        known: What is known of the rows: values, and no intervals.
        draws: Rows with their unknown elements drawn from each part, (S, R, N, *event), float64.
        is_quantity: Which elements are quantities and not codes of names, of shape *event.
    """

    p_x: Elementwise
    known: Known
    draws: Tensor
    is_quantity: Tensor

    def summary(self, fill: Fill, std: bool) -> Summary:
        """What stands for the unknown elements.

        Args:
            fill: Which value.
            std: Give the standard deviations too.
        """
        has_names = fill != "draw" or std
        codes = self._most_probable_codes() if has_names and not self.is_quantity.all() else None
        value = self._value(fill)
        if codes is not None and fill != "draw":
            value = torch.where(self.is_quantity, value, codes[0])
        value = torch.where(self.known.mask, self.known.batch.x.double(), value)
        return Summary(value, self._std(codes) if std else None)

    def _value(self, fill: Fill) -> Tensor:
        """The value of each quantity, (N, *event)."""
        if fill == "mean":
            return self.p_x.mean.double().mean(0)
        if fill == "median":
            return self.draws.flatten(0, 1).median(0).values
        return self._most_probable(self.draws[0], self.is_quantity)[0] if fill == "mode" else self.draws[0, 0]

    def _std(self, codes: tuple[Tensor, Tensor] | None) -> Tensor:
        """The standard deviations of quantities, and the doubt about names, (N, *event)."""
        std = self.draws.flatten(0, 1).std(0)
        if codes is not None:
            std = torch.where(self.is_quantity, std, -torch.expm1(codes[1].clamp(max=0)))
        return torch.where(self.known.mask, 0.0, std)

    def _most_probable_codes(self) -> tuple[Tensor, Tensor]:
        """The most probable code of each name, and the log of its probability, each (N, *event)."""
        rows, names = self.known.batch.x, ~self.is_quantity
        missing, one = names.expand(rows.shape) & ~self.known.mask, torch.ones((), dtype=torch.float64)
        last = where_wanted(lambda part, u: part.quantile(u), self.p_x, one.to(rows.device), missing)[..., names].max()
        codes = torch.arange(int(last) + 1, dtype=torch.float64, device=rows.device)
        return self._most_probable((code.expand(rows.shape) for code in codes), names)

    def _most_probable(self, candidates: Iterable[Tensor], which: Tensor) -> tuple[Tensor, Tensor]:
        """The candidate of the largest mean probability over the parts, and the log of that, each (N, *event).

        Args:
            candidates: Values, (N, *event) each.
            which: The elements for which this is wanted, of shape *event; other values are meaningless.
        """

        def log_prob(part: Elementwise, x: Tensor) -> Tensor:
            return part.log_prob_or_minus_inf(x).double()

        best, highest, wanted = torch.zeros(()), None, which.expand(self.known.mask.shape) & ~self.known.mask
        for x in candidates:
            own = where_wanted(log_prob, self.p_x, x, wanted)
            log_p = own.logsumexp(0) - math.log(self.draws.shape[1])
            if highest is None:
                best, highest = x, log_p
            best, highest = torch.where(log_p > highest, x, best), torch.maximum(log_p, highest)
        assert highest is not None
        return best, highest
