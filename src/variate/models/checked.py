"""Data as a model takes them: in memory, checked against its likelihood, with bits that training redraws drawn once."""

import numpy as np
import torch
from torch import Tensor

from variate.config.recipe import Schema
from variate.data.dataset import Dataset, Splits
from variate.data.storage.in_memory import InMemory
from variate.errors import InputError
from variate.likelihoods.base import Likelihood
from variate.runtime.random import Key, generator

Array = Tensor | np.ndarray
Data = Array | Dataset | Splits
"""What public functions take: an array of rows as they are, a data set, or its parts."""


def as_dataset(data: Data, likelihood: Likelihood, takes_context: bool, name: str = "x", seed: int = 0) -> Dataset:
    """Rows that a model takes, in memory.

    Args:
        data: An array of rows as they are, (N, *event); a data set, of which a sample is taken if it stays on disk; or
            the parts of one, of which the test part is taken.
        likelihood: The model's likelihood.
        takes_context: Whether the model is conditional on a context.
        name: What errors call the data.
        seed: Seed of the bits that are drawn.

    Raises:
        InputError: If there is no row, or the shape, a value or the kind of data is not what the model takes.
    """
    if isinstance(data, Splits):
        data = data.test
    found = drawn(data.sample(), seed) if isinstance(data, Dataset) else from_rows(data, likelihood, name)
    check(found, likelihood, takes_context, name)
    return found


def from_rows(x: Array, likelihood: Likelihood, name: str) -> Dataset:
    """An array of rows as they are; bits become integers."""
    array = x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise InputError(name, "an array of numbers", f"dtype {array.dtype}")
    shape = tuple(likelihood.event_shape)
    if array.shape[1:] != shape or array.ndim == 0:
        raise InputError(name, f"shape (N, {', '.join(map(str, shape))})", array.shape)
    if array.dtype == bool:
        array = array.astype(np.uint8)
    return Dataset(InMemory(array), Schema("real", shape), name=name)


def drawn(data: Dataset, seed: int) -> Dataset:
    """The rows, in memory, with their transforms applied once, by a generator of this seed."""
    if not data.transforms:
        return data
    batch, key = data.all(), Key(generator(seed), len(data))
    for transform in data.transforms:
        batch = transform(batch, key)
    return data.replace(x=InMemory(batch.x.numpy()), transforms=())


def expected(data: Dataset) -> Tensor:
    """Rows in memory with their transforms replaced by their expectation: what scalings are set from, (N, *event)."""
    batch = data.all()
    for transform in data.transforms:
        batch = transform.expected(batch)
    return batch.x


def check(data: Dataset, likelihood: Likelihood, takes_context: bool, name: str = "x") -> None:
    """Refuses rows in memory that a model does not take.

    Raises:
        InputError: If there is no row, or the shape, a value or the kind of data is not what the model takes.
    """
    if not len(data):
        raise InputError(name, "at least one row", "none")
    if (data.context is not None) != takes_context:
        expects, comes = ("a context", "none") if takes_context else ("no context", "one")
        raise InputError(name, f"{expects}, as the model was built", comes)
    batch = data.all()
    check_rows(batch.x, batch.mask, likelihood, name)


def check_rows(rows: Tensor, mask: Tensor | None, likelihood: Likelihood, name: str = "x") -> None:
    """Refuses rows that a likelihood is not of.

    Args:
        rows: Rows as they are, (N, *event).
        mask: True where a value is observed; the others may be anything.
        likelihood: The likelihood.
        name: What errors call the rows.

    Raises:
        InputError: If the shape, a value or the kind of data is not what the likelihood takes.
    """
    shape = tuple(likelihood.event_shape)
    if tuple(rows.shape[1:]) != shape:
        raise InputError(name, f"shape (N, {', '.join(map(str, shape))})", tuple(rows.shape))
    observed = rows if mask is None else torch.where(mask, rows, torch.zeros((), dtype=rows.dtype))
    if observed.is_floating_point():
        refuse_not_finite(observed, name)
    likelihood.check(observed)


def refuse_not_finite(rows: Tensor, name: str) -> None:
    """Refuses NaN and infinities.

    Raises:
        InputError: If there is one, with the number of rows and the first.
    """
    bad = torch.cat([(~some.isfinite()).flatten(1).any(1) for some in rows.split(4096)])
    if bad.any():
        where = bad.nonzero().flatten()
        raise InputError(name, "finite numbers", f"NaN or Inf in {len(where)} rows, the first at index {int(where[0])}")
