"""Rows with everything that belongs to them, behind one interface for memory, memory map and stream.

A `Dataset` is a few storages of the same length. `take` gives rows by number and is deterministic. What is random (bits
drawn from grey levels, augmentation) is a transform, which the training step applies to a batch on its device. torch is
imported only where a batch is made, so that reading and splitting data need no torch.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from variate.config.schema import Column, Schema
from variate.data.conversion import computable
from variate.data.schema.kinds import require_numbers
from variate.data.storage.base import MOST_ROWS, SAMPLE_BYTES, Index, Storage, evenly_spaced
from variate.data.storage.in_memory import InMemory
from variate.data.storage.without import without
from variate.data.wording import told
from variate.errors import InputError

if TYPE_CHECKING:
    import torch

    from variate.data.batch import Batch, Transform

MASKS = ("mask", "context_mask")
STORED = ("x", "mask", "context", "context_mask", "weight", "labels")
"""The fields of a dataset that are storages."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows, in memory or on disk.

    Attributes:
        x: The rows, (N, *event). Pixels and bits are uint8, counts int32 or int64, real numbers float32 or float64, a
            table float64 with its categories as codes 0 .. K-1. A batch holds numbers of other types in one of these.
        schema: What one row is, after the transforms.
        mask: True where an element of x is observed, (N, *event); None: all are.
        context: What a model is conditioned on, (N, *c).
        context_mask: True where an element of the context is observed, (N, *c); None: all are.
        weight: Weight of each row, (N,); None: all rows count the same.
        labels: What each row is labelled with, (N,): numbers or codes, NaN where there is none. Models do not see it.
        label: What the labels are.
        transforms: What training applies to each batch of these rows, in order. `take` does not apply them.
        name: What to call the data.
        notes: What was assumed, changed or left out when the data were read, one sentence each.

    Raises:
        InputError: If a part is no storage of real numbers, the parts have different numbers of rows, or a mask has
            another shape than what it masks.
    """

    x: Storage
    schema: Schema
    mask: Storage | None = None
    context: Storage | None = None
    context_mask: Storage | None = None
    weight: Storage | None = None
    labels: Storage | None = None
    label: Column | None = None
    transforms: "tuple[Transform, ...]" = ()
    name: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, storage in self.storages().items():
            if not isinstance(storage, Storage):
                expected = "a storage of rows, such as InMemory(array)"
                raise InputError(part, expected, told(storage), "use `from_arrays` for arrays")
            require_numbers(storage.dtype, part)
        event = self.context.shape if self.context is not None else ()
        shapes = {"x": self.schema.shape, "mask": self.schema.shape, "context_mask": event, "weight": (), "labels": ()}
        for part, storage in self.storages().items():
            expected, found = (len(self), *shapes.get(part, storage.shape)), (len(storage), *storage.shape)
            if found != expected:
                raise InputError(part, f"shape {expected}", f"shape {found}", "give one of its rows per row of x")
        if self.context_mask is not None and self.context is None:
            raise InputError("context_mask", "a context that it is the mask of", "no context", "give the context too")

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.x.shape

    @property
    def in_memory(self) -> bool:
        """Whether the rows are in memory."""
        return self.x.in_memory

    def storages(self) -> dict[str, Storage]:
        """The storages that are not None, by the name of their field."""
        parts = {part: getattr(self, part) for part in STORED}
        return {part: storage for part, storage in parts.items() if storage is not None}

    def take(self, index: Index) -> "Batch":
        """The rows with these numbers, in this order: on the CPU, in their own dtype, bits as uint8."""
        return self._batch(lambda storage: storage.take(index), index)

    def all(self) -> "Batch":
        """All rows in one batch. It shares the memory of rows in memory, so it must not be changed in place."""
        return self._batch(lambda storage: storage.all(), np.arange(len(self)))

    def batches(self, size: int | None = None) -> "Iterator[Batch]":
        """The rows in order, at most `size` at a time; by default as many as take `SAMPLE_BYTES` bytes."""
        for index in self.stretches(size):
            yield self.take(index)

    def stretches(self, size: int | None = None) -> Iterator[Index]:
        """The numbers of the rows in order, at most `size` at a time; by default as many as take `SAMPLE_BYTES`."""
        size = size or self.x.limit(SAMPLE_BYTES)
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))

    def pieces(self) -> "Iterator[tuple[int, Dataset]]":
        """The rows as they are if they are in memory, else in pieces that are; before each, its first row's number."""
        if self.in_memory:
            yield 0, self
            return
        for index in self.stretches():
            yield int(index[0]), self.select(index)

    def has_context(self) -> np.ndarray:
        """Which rows have a value of every element of the context, (N,) bool; all, where there is no mask of it."""
        if self.context_mask is None:
            return np.ones(len(self), bool)
        return np.asarray(self.context_mask.all().reshape(len(self), -1).all(1))

    def sample(self, most: int | None = None) -> "Dataset":
        """Some of the rows, in memory, for example to set scalings from.

        The sample is spread evenly over the rows and shuffled, so that its first rows are a sample too. Of rows on disk
        it has at most `MOST_ROWS` rows and `SAMPLE_BYTES` bytes. Rows in memory are all given, in their order, unless
        there are more than `most`.
        """
        if self.in_memory and (most is None or most >= len(self)):
            return self
        limit = len(self) if self.in_memory else self.x.limit(SAMPLE_BYTES)
        most = min(MOST_ROWS if most is None else most, limit)
        return self.select(np.random.default_rng(0).permutation(evenly_spaced(len(self), most)))

    def select(self, index: Index) -> "Dataset":
        """The rows with these numbers, in this order, in memory."""
        return self._each(lambda storage: InMemory(storage.take(index)))

    def without(self, left_out: Index) -> "Dataset":
        """The other rows, in their order, where they are.

        Args:
            left_out: Numbers of the rows to leave out, rising.
        """
        return self._each(lambda storage: without(storage, left_out))

    def replace(self, **changes: Any) -> "Dataset":  # noqa: ANN401  any of the fields
        """The same with some fields changed."""
        return dataclasses.replace(self, **changes)

    def _each(self, change: Callable[[Storage], Storage]) -> "Dataset":
        return self.replace(**{part: change(storage) for part, storage in self.storages().items()})

    def _batch(self, read: Callable[[Storage], np.ndarray], index: Index) -> "Batch":
        from variate.data.batch import Batch

        types = dict.fromkeys(MASKS, bool)
        stored = {part: storage for part, storage in self.storages().items() if part in Batch._fields}
        parts = {part: _tensor(read(storage), part, types.get(part)) for part, storage in stored.items()}
        return Batch(**parts, rows=_tensor(index, "rows", np.int64))


def _tensor(array: np.ndarray, name: str, dtype: DTypeLike | None) -> "torch.Tensor":
    """A tensor of the array's memory if it is contiguous and writable, else of a copy.

    Args:
        array: The array.
        name: What errors call it.
        dtype: Type of the tensor; None keeps that of the array if torch computes with it.
    """
    import torch

    return torch.from_numpy(np.require(computable(array, name) if dtype is None else array, dtype, ["C", "W"]))


@dataclass(frozen=True, eq=False)
class Splits:
    """Data split for training; no row is in two parts, and every part has at least one row.

    Attributes:
        train: Rows that the weights are fitted to. Where their bits are redrawn, they are grey levels with a transform.
        validation: Rows that choose the best weights, in memory.
        test: Rows that training never sees, in memory.
        fingerprint: The first 12 hexadecimal digits of a SHA-256 over all rows before they were split: two runs on the
            same data have the same. See `variate.data.split.fingerprint`.

    Raises:
        InputError: If a part is no `Dataset`.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    fingerprint: str

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            rows = getattr(self, part)
            if not isinstance(rows, Dataset):
                raise InputError(part, "a Dataset", told(rows), "use `from_arrays` for arrays")

    @property
    def schema(self) -> Schema:
        """What one row is."""
        return self.train.schema

    @property
    def name(self) -> str:
        """What to call the data."""
        return self.train.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, changed or left out, one sentence each."""
        return self.train.notes
