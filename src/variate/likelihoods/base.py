"""A likelihood p(x|z) as a module: it turns a decoder network's outputs into the distribution of a row.

It says what shape of outputs it needs and which data it is a likelihood of, and keeps what is set from the training
rows (scalings, starting biases) as buffers, so that they are saved with the weights and the networks see numbers of
order one. `log_prob` is the hot path; calling the module gives the `RowDistribution` for everything else.

A new likelihood is a module here, with a `Likelihood` that has a `build`, and a line in
`variate.config.parts.LIKELIHOODS`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from variate.config.recipe import ModelOptions
from variate.config.schema import Schema
from variate.config.slots import Slot
from variate.distributions.rows import RowDistribution
from variate.likelihoods.blocks import by_blocks

LogProb = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Computes log p(x|z), (*batch), from the likelihood's parameters, rows and a mask, as `Likelihood.log_prob` does."""


class Likelihood(nn.Module, ABC):
    """The family of distributions of a row given z.

    Args:
        event_shape: Shape of a row.
        out_shape: Shape of the network outputs that describe the distribution of one row.

    Attributes:
        is_mass: Whether it gives probabilities (at most 0 nats per row) instead of densities.
    """

    is_mass: bool

    def __init__(self, event_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.out_shape = tuple(out_shape)

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "Likelihood":
        """The likelihood that options describe, for rows of a schema; only for likelihoods with a name.

        Args:
            schema: What a row is.
            options: Complete.
        """
        raise NotImplementedError(f"{cls.__name__} has no name in a recipe")

    def forward(self, outputs: Float[Tensor, "..."]) -> RowDistribution:
        """p(x|z) with batch shape *batch, for network outputs (*batch, *out_shape).

        Densities are float32 or better: outputs in half precision are converted to float32 first.
        """
        if outputs.shape[outputs.dim() - len(self.out_shape) :] != self.out_shape:
            raise AssertionError(f"outputs must end in {self.out_shape}, got {tuple(outputs.shape)}")
        return self.distribution(outputs if outputs.dtype == torch.float64 else outputs.float())

    def log_prob(self, outputs: Tensor, x: Tensor, mask: Bool[Tensor, "..."] | None = None) -> Tensor:
        """Log p(x|z) of rows in nats, broadcast(batch, x_batch): the hot path, without a test of the support.

        Args:
            outputs: Network outputs, (*batch, *out_shape).
            x: Rows that `check` has passed, (*x_batch, *event); unobserved elements may have any value, NaN too.
            mask: True where an element is observed, (*x_batch, *event); only these are summed. None: all are observed.
        """
        (found,) = by_blocks(self._log_prob, outputs, x, mask, len(self.out_shape))
        return found

    def _log_prob(self, outputs: Tensor, x: Tensor, mask: Tensor | None) -> tuple[Tensor]:
        p_x: RowDistribution = self(outputs)
        return (p_x.log_prob(x, mask, check_support=False),)

    @abstractmethod
    def distribution(self, outputs: Tensor) -> RowDistribution:
        """p(x|z) of outputs in float32 or float64."""

    @property
    def couples_rows(self) -> bool:
        """Whether the density of a row depends on the other rows of its batch in training."""
        return False

    @abstractmethod
    def check(self, rows: Tensor) -> None:
        """Rejects data that this is not a likelihood of.

        Args:
            rows: Rows as the user gave them, (N, *event).

        Raises:
            InputError: If the rows are not such data; its remedy names a likelihood for them.
        """

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the scalings and starting biases, which are buffers, from the training rows, (N, *event)."""

    def log_misfit(self) -> float:
        """What stands for the log-probability of all values that a cell cannot have, in nats."""
        return -math.inf

    @property
    def slots(self) -> list[Slot]:
        """What each output stands for."""
        return [Slot("parameter", "", i) for i in range(math.prod(self.out_shape))]

    def grow_from(self, old: "Likelihood") -> None:
        """Takes the scalings and weights of a likelihood of the same kind, whose columns have grown since."""
        self.load_state_dict(old.state_dict())

    def is_quantity(self) -> Tensor:
        """Which elements of a row are quantities, not codes of names: booleans of shape *event, on the CPU."""
        return torch.ones(self.event_shape, dtype=torch.bool)

    @property
    def value_range(self) -> float | None:
        """Difference of the largest and the smallest value that an element can have; None if there is no such limit."""
        return None

    def floored(self) -> Tensor | None:
        """Which elements of a row have a learned scale at its floor: booleans of shape *event.

        None where no scale is learned per element. A scale at its floor means that the data fit better than the model
        can express: constant or duplicated columns, or a density that grows without bound.
        """
        return None

    def rescaled(self, log_factor: float | Tensor) -> "Likelihood | None":
        """A copy with every scale multiplied by a factor; None if it has no scales.

        Args:
            log_factor: Log of the factor; a tensor broadcasts with the log-scales.
        """
        return None

    @property
    def needs_freezing(self) -> bool:
        """Whether a scale is optimal for each batch in training, so that evaluation needs `freeze` first."""
        return False

    def squared_residuals(self, outputs: Tensor, x: Tensor) -> Tensor:
        """((x - E[x|z]) / unit)^2 in float64, broadcast(batch, x_batch) and event: what `freeze` takes the mean of.

        Args:
            outputs: Network outputs, (*batch, *out_shape).
            x: Rows, (*x_batch, *event).
        """
        return (x - self(outputs).mean).double().square()

    def freeze(self, mean_squared_residual: Tensor) -> None:
        """Sets the value that an optimal scale has in evaluation; does nothing if no scale is optimal.

        Args:
            mean_squared_residual: Mean of `squared_residuals` over elements, rows and draws.
        """
