"""Batches of rows that stay on disk, gathered a few steps before they are needed."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from variate.data import Stream
from variate.training.feed import Feed
from variate.training.order import PooledOrder

AHEAD = 4
"""Batches that are gathered or being gathered."""


class StreamedFeed(Feed):
    """Batches gathered from disk by a thread: the order is known, so what comes next can be read while a step is taken.

    What goes wrong with a batch is raised in the step that wants it.

    Args:
        stream: Training rows as they are.
        sample: Some of them, on the model's device.
        batch_size: B, at most N.
        seed: Of the order.
        check: Makes a tensor of a batch that the model takes, and refuses others; it runs in the thread.
    """

    def __init__(
        self, stream: Stream, sample: Tensor, batch_size: int, seed: int, check: Callable[[np.ndarray], Tensor]
    ) -> None:
        super().__init__(torch.empty(0), batch_size, seed)  # no rows are kept, and their numbers stay on the CPU
        self.order = PooledOrder(torch.from_numpy(stream.bounds), stream.at_once, batch_size, seed)
        self.stream, self.sample, self.check = stream, sample, check
        self._thread = ThreadPoolExecutor(1, "rows")
        self._gathered: dict[int, Future[Tensor]] = {}

    def __len__(self) -> int:
        return len(self.stream)

    def batch(self, step: int) -> Tensor:
        """Rows of a step's batch, (B, *event), on the model's device."""
        self._gathered = {number: batch for number, batch in self._gathered.items() if number >= step}
        for number in range(step, step + AHEAD):
            if number not in self._gathered:
                self._gathered[number] = self._thread.submit(self._gather, number)
        return self._gathered.pop(step).result().to(self.sample.device, non_blocking=True)

    def _gather(self, step: int) -> Tensor:
        rows = self.check(self.stream.take(self.index(step).numpy()))
        return rows.pin_memory() if self.sample.device.type == "cuda" else rows

    def some(self, count: int) -> Tensor:
        """Rows of the sample, at most so many, on the model's device."""
        return self.sample[:count]

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(cancel_futures=True)
