"""A batch: the rows that a model, an objective or a task is given, and what training does to them.

Letters: N rows of shape `event`; a context of shape `c` per row.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from variate.runtime.random import Key


class Batch(NamedTuple):
    """Rows on one device.

    Attributes:
        x: The rows, (N, *event), in the data's own units and dtype (pixels and bits are uint8).
        mask: True where an element of x is observed, (N, *event) bool; None: all are. Elements that are not observed
            hold a placeholder.
        context: What the model is conditioned on, (N, *c).
        context_mask: True where an element of the context is observed, (N, *c) bool; None: all are.
        weight: Weight of each row, (N,); None: all rows count the same.
        rows: Row numbers, (N,) int64: they key the random numbers of each row.
    """

    x: Tensor
    mask: Tensor | None = None
    context: Tensor | None = None
    context_mask: Tensor | None = None
    weight: Tensor | None = None
    rows: Tensor | None = None

    @property
    def num_rows(self) -> int:
        """Number of rows, N."""
        return len(self.x)

    def to(self, device: torch.device | str) -> "Batch":
        """The same rows on a device; from pinned memory the copy does not block."""
        return self._each(lambda part: part.to(device, non_blocking=True))

    def select(self, index: Tensor | slice) -> "Batch":
        """Some of the rows.

        Args:
            index: Positions within the batch, (B,) int64 on the batch's device; or a slice, which copies nothing.
        """
        if isinstance(index, slice):
            return self._each(lambda part: part[index])
        return self._each(lambda part: part.index_select(0, index))

    def pin_memory(self) -> "Batch":
        """The same rows in pinned memory, from which a GPU copies while it computes."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch._make(None if part is None else change(part) for part in self)


class Transform(Protocol):
    """What training does to each batch, on the batch's device: drawing bits, augmentation."""

    def __call__(self, batch: Batch, key: Key) -> Batch:
        """The batch changed, with the random numbers of `key`."""

    def expected(self, batch: Batch) -> Batch:
        """What the transform gives on average; scalings are set from it."""
