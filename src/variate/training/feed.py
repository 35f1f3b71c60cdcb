"""Batches of training rows: which rows a step sees is a function of its number."""

from torch import Tensor

from variate.runtime import distributed as ranks
from variate.training.order import Order, PooledOrder


class Feed:
    """Batches gathered from rows that lie on the model's device.

    Args:
        rows: Training rows as they are, (N, *event).
        batch_size: B, at most N, of all ranks together.
        seed: Of the order.
    """

    def __init__(self, rows: Tensor, batch_size: int, seed: int) -> None:
        self.rows, self.batch_size = rows, batch_size
        self.order: Order | PooledOrder = Order(len(rows), batch_size, seed)

    def __len__(self) -> int:
        return len(self.rows)

    def index(self, step: int) -> Tensor:
        """Numbers of this rank's rows of a step's batch, (B / ranks,), on their device."""
        own = self.order.batch(step)[ranks.rank() :: ranks.world()]
        return own.to(self.rows.device, non_blocking=True)

    def batch(self, step: int) -> Tensor:
        """This rank's rows of a step's batch, (B / ranks, *event), on the model's device."""
        return self.rows.index_select(0, self.index(step))

    def some(self, count: int) -> Tensor:
        """The first rows, at most so many, on the model's device."""
        return self.rows[:count]

    def close(self) -> None:
        """Lets go of what gathers the rows."""
