r"""What a model is conditional on: features of a context c, and a prior p(c) over contexts that can be counted.

With categories and bits alone, there are K different contexts, and p(c) is told from the training rows,

    p(c) = (n_c + 1 / K) / (N + 1),

so that a context that was never seen has a probability, too. It makes p(x) = sum_c p(c) p(x|c) and, by Bayes' rule,
p(c|x) a number; and contexts can be drawn. With a number among the conditions there is no such prior.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from variate.config.schema import Column
from variate.distributions.gaussian import GaussianConditional
from variate.networks.inputs import ColumnInputs
from variate.runtime.random import generator, mix

MOST_CONTEXTS = 1_000
"""With more different contexts there is no prior over them."""
MOST_CHANNELS = 16
"""Channels that a context has beside those of an image."""


class Contexts(nn.Module):
    """The features of contexts, and the prior over them.

    Args:
        columns: The conditions, one per element of a context.

    Attributes:
        size: Number of features.
    """

    values: Tensor
    log_prob: Tensor

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.inputs = ColumnInputs(columns)
        (self.size,) = self.inputs.shape
        numbers = [_number_of_values(column) for column in columns]
        count = math.prod(number or MOST_CONTEXTS + 1 for number in numbers)
        self.is_countable = count <= MOST_CONTEXTS
        count = count if self.is_countable else 0
        every = itertools.product(*map(range, [number or 0 for number in numbers])) if count else ()
        values = torch.tensor(list(every), dtype=torch.float64).reshape(count, len(columns))
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("log_prob", torch.full((count,), -math.log(max(count, 1)), dtype=torch.float64))

    def forward(self, context: Tensor) -> Tensor:
        """Features, (N, size), of contexts (N, c)."""
        return self.inputs(context)

    def fit(self, context: Tensor) -> None:
        """Sets the scaling of the features, and the prior, from the contexts of the training rows, (N, c)."""
        self.inputs.fit_scaling(context)
        self.count(context)

    def count(self, context: Tensor) -> None:
        """Sets the prior from contexts, (N, c)."""
        if self.is_countable:
            counts = torch.zeros(len(self.values), dtype=torch.float64)
            counts.index_add_(0, self.places(context), torch.ones(len(context), dtype=torch.float64))
            self.log_prob.copy_(((counts + 1 / len(counts)) / (len(context) + 1)).log())

    def grow_from(self, old: "Contexts") -> None:
        """Takes the scaling and the prior of the same conditions, whose columns have grown since.

        A context that is new has the probability of the least probable one.
        """
        self.inputs.grow_from(old.inputs)
        if self.is_countable and old.is_countable:
            log_p = torch.full_like(self.log_prob, float(old.log_prob.min()))
            log_p[self.places(old.values)] = old.log_prob
            self.log_prob.copy_(log_p if len(log_p) == len(old.log_prob) else log_p.log_softmax(0))

    def places(self, context: Tensor) -> Tensor:
        """The numbers of contexts (N, c) among `values`, (N,) int64."""
        place = torch.zeros(len(context), dtype=torch.int64, device=context.device)
        for own, column in zip(context.long().T, self.columns, strict=True):
            place = place * (_number_of_values(column) or 0) + own
        return place

    def log_prob_given(self, given: Mapping[int, float]) -> Tensor:
        """log p(c | some of its elements), (K,); -inf where an element differs.

        Args:
            given: Values by the places of the elements.
        """
        fits = torch.ones(len(self.values), dtype=torch.bool, device=self.values.device)
        for place, value in given.items():
            fits &= self.values[:, place] == value
        return torch.log_softmax(torch.where(fits, self.log_prob, -math.inf), 0)


def drawn_contexts(contexts: Contexts, n: int, given: Mapping[int, float], seed: int) -> Tensor:
    """Contexts drawn from p(c | some of its elements), (n, c) float64, on the CPU.

    Args:
        contexts: Those of a model, which can be counted.
        n: How many.
        given: Values by the places of the elements.
        seed: Seed of the draws.
    """
    p = contexts.log_prob_given(given).exp().cpu()
    which = torch.multinomial(p, n, replacement=True, generator=generator(mix(seed, "contexts")))
    return contexts.values.cpu()[which]


def _number_of_values(column: Column) -> int | None:
    """How many values a condition can have; None for numbers."""
    return {"categorical": len(column.categories), "binary": 2}.get(column.kind)


class ContextFrame(nn.Module):
    r"""Where rows lie in latent space given their context:

        z = m(c) + s(c) e,    m and log s linear in the features of c,    at first z = e.

    The networks see z, so that rows of different contexts may lie apart; the model's latents are e. With e ~ N(0, I)
    this is the prior p(z|c) = N(m(c), diag s(c)^2), and e says of a row what its context does not.

    Args:
        latent: Number of latent dimensions, d.
        size: Number of features of a context.
    """

    def __init__(self, latent: int, size: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(latent, size))
        self.log_scale = nn.Parameter(torch.zeros(latent, size))

    def placed(self, e: Tensor, context: Tensor) -> Tensor:
        """z, (*lead, N, d), of latents e of that shape and features of contexts (N, size)."""
        context = context.to(e.dtype)
        return context @ self.loc.T + (context @ self.log_scale.T).exp() * e

    def of_latents(self, q: GaussianConditional, context: Tensor) -> GaussianConditional:
        """The distribution of e whose z has this one, q, with batch shape (N,)."""
        context = context.to(q.loc.dtype)
        return q.in_frame(context @ self.loc.T, context @ self.log_scale.T)


class ContextChannels(nn.Module):
    """Features with those of a context beside them: of flat rows as further features, of images as channels.

    The channels are constant over an image. A convolution of them adds to every unit what depends on the context alone.

    Args:
        shape: Shape of one row's features.
        size: Number of features of a context.
        as_channels: Whether the features stay images.
    """

    def __init__(self, shape: Sequence[int], size: int, as_channels: bool) -> None:
        super().__init__()
        self.as_channels = as_channels
        channels = min(size, MOST_CHANNELS)
        self.narrow = nn.Linear(size, channels) if as_channels and channels < size else nn.Identity()
        self.shape = (shape[0] + channels, *shape[1:]) if as_channels else (math.prod(shape) + size,)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Features, (N, *shape), of rows (N, *features) and contexts (N, size)."""
        if not self.as_channels:
            return torch.cat([features.flatten(1), context], 1)
        planes = self.narrow(context)[..., None, None].expand(-1, -1, *features.shape[2:])
        return torch.cat([features, planes], 1)
