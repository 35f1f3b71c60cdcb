"""A likelihood p(x|z) as a module: it takes a decoder network's outputs and gives the distribution of a row.

It says what shape of outputs it needs and what data it is a likelihood of, and keeps what the data decide (scalings,
starting biases) as buffers, so that they travel with the weights and the networks see numbers of order one.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.distributions import Distribution


class Likelihood(nn.Module, ABC):
    """The family of distributions of a row given z.

    Args:
        event_shape: Shape of a row.
        out_shape: Shape of the network outputs that describe the distribution of one row.

    Attributes:
        is_mass: Whether it gives probabilities (at most 0 nats a row) and not densities.
    """

    is_mass: bool

    def __init__(self, event_shape: tuple[int, ...], out_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.event_shape = tuple(event_shape)
        self.out_shape = tuple(out_shape)

    def forward(self, outputs: Float[Tensor, "..."]) -> Distribution:
        """p(x|z) with batch shape *batch, for network outputs (*batch, *out_shape).

        Densities are float32 or better: outputs in half precision are raised first.
        """
        if outputs.shape[outputs.dim() - len(self.out_shape) :] != self.out_shape:
            raise AssertionError(f"outputs must end in {self.out_shape}, got {tuple(outputs.shape)}")
        return self.distribution(outputs if outputs.dtype == torch.float64 else outputs.float())

    def log_prob(self, outputs: Tensor, x: Tensor, mask: Bool[Tensor, "..."] | None = None) -> Tensor:
        """Log p(x|z) of rows in nats, broadcast(batch, x_batch): the hot path, without a test of the support.

        Args:
            outputs: Network outputs, (*batch, *out_shape).
            x: Rows that `check` has passed, (*x_batch, *event).
            mask: True where an element is observed, (*x_batch, *event); None: all are.
        """
        return self(outputs).log_prob(x, mask, check_support=False) if mask is not None else self(outputs).log_prob(x)

    @abstractmethod
    def distribution(self, outputs: Tensor) -> Distribution:
        """p(x|z) of outputs in float32 or float64."""

    @property
    def couples_rows(self) -> bool:
        """Whether the density of a row depends on the other rows of its batch."""
        return False

    @abstractmethod
    def check(self, rows: Tensor) -> None:
        """Refuses data that this is no likelihood of.

        Args:
            rows: Rows as the user gave them, (N, *event).

        Raises:
            InputError: If the rows are not such data; the message names a likelihood for them.
        """

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets what the training rows, (N, *event), decide: scalings and starting biases. They are buffers."""

    def floored(self) -> Tensor | None:
        """Which elements of a row have a learned scale that lies at its floor: booleans of shape *event.

        None where no scale is learned an element. A scale at its floor means that the data fit better than the model
        can say: constant or duplicated columns, or a density that grows without bound.
        """
        return None
