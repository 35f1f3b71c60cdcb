"""Batches of training rows: which rows a step gets is a function of its number.

Rows in memory lie on the model's device and a batch is gathered there. Rows on disk are read by a thread, a few steps
before they are needed: the order is known, so the next batches can be read while a step runs.
"""

from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.data.dataset import Dataset
from variate.likelihoods.base import Likelihood
from variate.models.checked import check_rows
from variate.runtime.distributed import Processes
from variate.training.order import Order, PooledOrder

PREFETCHED = 4
"""Batches of rows on disk that are read ahead."""


class Batches(ABC):
    """The batches of a run.

    Args:
        order: Which rows each batch has.
        processes: The processes that share a batch.

    Attributes:
        batch_size: Rows per step of all processes together, B.
        num_rows: Training rows, N.
    """

    def __init__(self, order: Order | PooledOrder, processes: Processes) -> None:
        self.order, self.processes = order, processes
        self.batch_size, self.num_rows = order.batch_size, order.num_rows

    def index(self, step: int) -> Tensor:
        """Numbers of this process's rows of a step's batch, (B / W,), on the CPU."""
        return self.processes.part(self.order.batch(step))

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """This process's rows of a step's batch, on the model's device, before any transform."""

    def close(self) -> None:  # noqa: B027  most have nothing to end
        """Ends what reads the rows."""


class ResidentBatches(Batches):
    """Batches gathered from rows that lie on the model's device.

    Args:
        data: Training rows.
        batch_size: Rows per step, at most N.
        seed: Seed of the order.
        processes: The processes that share a batch.
        device: The model's device.
    """

    def __init__(self, data: Dataset, batch_size: int, seed: int, processes: Processes, device: torch.device) -> None:
        super().__init__(Order(len(data), batch_size, seed), processes)
        self.rows = data.all().to(device)

    def batch(self, step: int) -> Batch:
        """This process's rows of a step's batch."""
        return self.rows.select(self.index(step).to(self.rows.x.device, non_blocking=True))


class StreamedBatches(Batches):
    """Batches read from disk by a thread. An error in reading a batch is raised in the step that needs it.

    Args:
        data: Training rows.
        batch_size: Rows per step, at most N.
        seed: Seed of the order.
        processes: The processes that share a batch.
        device: The model's device.
        likelihood: What the rows must be data of; a copy on the CPU, since the check runs in the thread.
        dtype: The type that the model computes in.
    """

    def __init__(
        self,
        data: Dataset,
        batch_size: int,
        seed: int,
        processes: Processes,
        device: torch.device,
        likelihood: Likelihood,
        dtype: torch.dtype,
    ) -> None:
        bounds = torch.from_numpy(np.asarray(data.x.bounds))
        super().__init__(PooledOrder(bounds, data.x.at_once, batch_size, seed), processes)
        self.data, self.device = data, device
        checks = partial(check_rows, likelihood=likelihood, name="train", dtype=dtype)
        self.check = None if data.transforms else checks
        self._thread = ThreadPoolExecutor(1, "rows")
        self._read: dict[int, Future[Batch]] = {}

    def batch(self, step: int) -> Batch:
        """This process's rows of a step's batch."""
        self._read = {number: batch for number, batch in self._read.items() if number >= step}
        for number in range(step, step + PREFETCHED):
            if number not in self._read:
                self._read[number] = self._thread.submit(self._take, number)
        return self._read.pop(step).result().to(self.device)

    def _take(self, step: int) -> Batch:
        batch = self.data.take(self.index(step).numpy())
        if self.check is not None:
            self.check(batch.x, batch.mask)
        return batch.pin_memory() if self.device.type == "cuda" else batch

    def close(self) -> None:
        """Ends the thread."""
        self._thread.shutdown(cancel_futures=True)
