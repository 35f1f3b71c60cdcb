"""Data in the form that models take: in memory, checked, and with bits drawn once where training redraws them."""

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
"""What public functions take: an array of rows as they are, a dataset, or splits."""


def as_dataset(data: Data, likelihood: Likelihood, takes_context: bool, name: str = "x", seed: int = 0) -> Dataset:
    """Data as a checked dataset in memory.

    Args:
        data: An array of rows as they are, (N, *event); a dataset, of which a sample is taken if it is on disk; or
            splits, whose test part is taken.
        likelihood: The model's likelihood.
        takes_context: Whether the model is conditional on a context.
        name: What errors call the data.
        seed: Seed of the bits, where they are drawn from grey levels.

    Raises:
        InputError: If there is no row, or the shape, a value or the kind of data is not what the model takes.
    """
    if isinstance(data, Splits):
        data = data.test
    found = drawn(data.sample(), seed) if isinstance(data, Dataset) else from_rows(data, likelihood, name)
    check(found, likelihood, takes_context, name)
    return found


def from_rows(x: Array, likelihood: Likelihood, name: str) -> Dataset:
    """An array of rows as a dataset; booleans become uint8.

    Args:
        x: Rows, (N, *event).
        likelihood: The model's likelihood.
        name: What errors call the rows.

    Raises:
        InputError: If the array does not hold numbers, or is of another shape.
    """
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
    """Rows in memory with their transforms applied once, by a generator with this seed."""
    if not data.transforms:
        return data
    batch, key = data.all(), Key(generator(seed), len(data))
    for transform in data.transforms:
        batch = transform(batch, key)
    return data.replace(x=InMemory(batch.x.numpy()), transforms=())


def expected(data: Dataset) -> Tensor:
    """What scalings are set from: rows in memory with each transform replaced by its expectation, (N, *event)."""
    batch = data.all()
    for transform in data.transforms:
        batch = transform.expected(batch)
    return batch.x


def check(data: Dataset, likelihood: Likelihood, takes_context: bool, name: str = "x") -> None:
    """Checks rows in memory against a model.

    Args:
        data: The rows.
        likelihood: The model's likelihood.
        takes_context: Whether the model is conditional on a context.
        name: What errors call the rows.

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
    """Checks rows against a likelihood.

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
    """Checks that rows are finite.

    Raises:
        InputError: If an element is not; it names the number of such rows and the first of them.
    """
    bad = torch.cat([(~some.isfinite()).flatten(1).any(1) for some in rows.split(4096)])
    if bad.any():
        where = bad.nonzero().flatten()
        raise InputError(name, "finite numbers", f"NaN or Inf in {len(where)} rows, the first at index {int(where[0])}")
