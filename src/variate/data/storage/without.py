"""A storage without some of its rows."""

import numpy as np
from jaxtyping import Shaped

from variate.data.storage.base import Index, Storage
from variate.data.storage.in_memory import InMemory


class Without(Storage):
    """A storage without some of its rows; the others keep their order.

    With the left-out rows h_0 < h_1 < .., row p of what remains is row p + k of the whole, where k is the number of i
    with h_i - i <= p.

    Args:
        whole: The storage.
        left_out: Numbers of the rows to leave out, rising.
    """

    def __init__(self, whole: Storage, left_out: Index) -> None:
        self.whole, self.shape, self.dtype, self.at_once = whole, whole.shape, whole.dtype, whole.at_once
        self.in_memory = whole.in_memory
        self.shifted = left_out - np.arange(len(left_out))
        bounds = whole.bounds - np.searchsorted(left_out, whole.bounds)
        self.bounds = bounds[np.append(True, np.diff(bounds) > 0)]  # blocks that became empty are dropped

    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows with these numbers, in this order."""
        return self.whole.take(index + np.searchsorted(self.shifted, index, side="right"))


def without(whole: Storage, left_out: Index) -> Storage:
    """The rows that are not left out: of a storage in memory as an array, of one on disk as `Without`."""
    return InMemory(np.delete(whole.all(), left_out, axis=0)) if whole.in_memory else Without(whole, left_out)
