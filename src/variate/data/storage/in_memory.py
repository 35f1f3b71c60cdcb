"""Rows in memory: one array."""

import numpy as np
from jaxtyping import Shaped

from variate.data.storage.base import Index, Storage


class InMemory(Storage):
    """The rows of an array.

    Args:
        array: The rows, (N, *event).
    """

    in_memory = True
    at_once = 1

    def __init__(self, array: Shaped[np.ndarray, "N *event"]) -> None:
        self.array = array
        self.shape, self.dtype = array.shape[1:], array.dtype
        self.bounds = np.array([0, len(array)])

    def take(self, index: Index) -> Shaped[np.ndarray, "B *event"]:
        """The rows with these numbers, in this order."""
        return self.array[index]

    def all(self) -> Shaped[np.ndarray, "N *event"]:
        """The array."""
        return self.array
