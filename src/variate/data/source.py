"""What reading gives: rows as they were found, not yet split."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from variate.config.schema import Schema
from variate.data.dataset import MASKS, Dataset
from variate.data.storage.base import Storage
from variate.data.storage.in_memory import InMemory
from variate.errors import InputError


class SplitColumn(NamedTuple):
    """The column by which rows are split into parts.

    Attributes:
        name: Its name.
        values: Of each row, (N,): a number per group, or a time. NaN where there is none.
        is_time: Whether they are times.
        format: How times are written, as in `Column`.
    """

    name: str
    values: Float64[np.ndarray, " N"]
    is_time: bool = False
    format: str = ""


class Unseen(NamedTuple):
    """What a model has never seen, in data that were read for it.

    Attributes:
        categories: Such categories with the number of their cells, by the names of columns and conditions.
        columns: Names of the columns of the table that the model does not have.
    """

    categories: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Source:
    """Data as they were read.

    Attributes:
        dataset: The rows, in memory or on disk. Where grey levels were read for a model of bits, rows in memory are
            bits, drawn once, and rows on disk are grey levels with the transform `DrawBits`.
        test: The official test set, in memory, if the source has one.
        sizes: Bytes of each file of rows on disk, which count towards their fingerprint.
        key: The column by which the rows are split, if they were read with `split_by` or `split_time`.
        names: Of image files, the path of each row's file.
        unseen: Tells what the model has never seen; of rows on disk, all may be read for it.
    """

    dataset: Dataset
    test: Dataset | None = None
    sizes: tuple[int, ...] = ()
    key: SplitColumn | None = None
    names: tuple[str, ...] = ()
    unseen: Callable[[], Unseen] = Unseen

    @property
    def x(self) -> Storage:
        """The rows."""
        return self.dataset.x

    @property
    def schema(self) -> Schema:
        """What one row is."""
        return self.dataset.schema

    @property
    def name(self) -> str:
        """What to call the data."""
        return self.dataset.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, changed or left out, one sentence each."""
        return self.dataset.notes

    @property
    def in_memory(self) -> bool:
        """Whether the rows are in memory."""
        return self.dataset.in_memory

    def __len__(self) -> int:
        """Number of rows, with those of the official test set."""
        return len(self.dataset) + (0 if self.test is None else len(self.test))

    def replace(self, **changes: Any) -> "Source":  # noqa: ANN401  any field of a dataset that is no storage
        """The same with some fields, such as the schema, changed for the rows and for the test set."""
        test = None if self.test is None else self.test.replace(**changes)
        return dataclasses.replace(self, dataset=self.dataset.replace(**changes), test=test)

    def all_rows(self) -> Dataset:
        """All rows in their order, those of an official test set last.

        Raises:
            InputError: If bits still have to be drawn from grey levels on disk: the rows then have no fixed values.
        """
        if self.dataset.transforms:
            raise InputError(
                self.name,
                "bits",
                "grey levels on disk, whose bits are drawn only if the rows are in memory",
                "give bits, or fewer rows",
            )
        return self.dataset if self.test is None else concatenated(self.dataset, self.test)


def concatenated(*parts: Dataset) -> Dataset:
    """The rows of datasets in memory, one after the other; where one has no mask, everything is observed."""
    found = {}
    for part in {name: None for own in parts for name in own.storages()}:
        found[part] = InMemory(np.concatenate([_part(own, part) for own in parts]))
    return parts[0].replace(**found)


def _part(data: Dataset, part: str) -> np.ndarray:
    """One of the storages of a dataset in memory; the mask of what has none."""
    own = data.storages().get(part)
    if own is None and part in MASKS:
        masked = data.storages()[part.removesuffix("mask").removesuffix("_") or "x"]
        return np.ones((len(masked), *masked.shape), bool)
    return data.storages()[part].all()
