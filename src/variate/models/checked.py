"""Data in the form that models take, in memory, checked, and with bits drawn once where training redraws them; and
whether a model can be used on them.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from variate.config.recipe import DataOptions, Recipe
from variate.config.schema import Column, Schema
from variate.data.conversion import Frame, as_array, computable, is_frame
from variate.data.dataset import Dataset, Splits
from variate.data.gaps import gap_notes, gaps_of
from variate.data.readers.sources import read
from variate.data.source import Source
from variate.data.storage.in_memory import InMemory
from variate.data.wording import MEANINGS, list_names, type_name
from variate.errors import InputError
from variate.likelihoods.base import Likelihood
from variate.models.contexts import Contexts
from variate.models.finite import require_finite_weights
from variate.runtime.finite import rows_said
from variate.runtime.random import Key, generator

Array = Tensor | np.ndarray
Data = Array | Frame | Dataset | Splits
"""What public functions take: an array of rows as they are, a table in memory, a dataset, or splits."""

WEIGHT_TYPES = (torch.float32, torch.float64)
"""Types that weights may have; networks run in bfloat16 by autocast, with weights in one of these."""


@runtime_checkable
class TakesRows(Protocol):
    """What rows are checked against: a model."""

    @property
    def likelihood(self) -> Likelihood:
        """What the rows are data of."""

    @property
    def takes_context(self) -> bool:
        """Whether the model is conditional on a context."""

    @property
    def conditions(self) -> Contexts | None:
        """What the elements of a context are."""

    @property
    def dtype(self) -> torch.dtype:
        """The type that it computes in."""

    @property
    def recipe(self) -> Recipe | None:
        """The recipe that it was built from, if it has one."""


def as_dataset(data: Data, model: TakesRows, name: str = "x", seed: int = 0) -> Dataset:
    """Data as a checked dataset in memory.

    Args:
        data: An array of rows as they are, (N, *event); a table in memory; a dataset, of which a sample is taken if it
            is on disk; or splits, whose test part is taken.
        model: The model.
        name: What errors call the data.
        seed: Seed of the bits, where they are drawn from grey levels.

    Raises:
        InputError: If there is no row, or the shape, a value or the kind of data is not what the model takes.
    """
    if isinstance(data, Splits):
        data = data.test
    found = drawn(data.sample(), seed) if isinstance(data, Dataset) else from_rows(data, model, name)
    check(found, model, name)
    return found


def from_rows(x: Array | Frame, model: TakesRows, name: str) -> Dataset:
    """Rows in memory as a dataset; NaN, and what is masked in a masked array, is not observed.

    Args:
        x: Rows, (N, *event), or a table.
        model: The model.
        name: What errors call the rows.

    Raises:
        InputError: If an array does not hold numbers, or is of another shape; or if a table is not what the model
            takes.
    """
    if is_frame(x):
        options, schema = table_reading(model, name)
        return read(x, options, schema).dataset
    if isinstance(x, Source):
        raise InputError(name, "rows to use as they are", "what `read` gave", "`split` it first, or give its .dataset")
    values, mask = as_array(x, name)
    shape = tuple(model.likelihood.event_shape)
    if values.shape[1:] != shape or values.ndim == 0:
        remedy = "give the rows themselves: labels are not used" if values.ndim == 1 else ""
        raise InputError(name, f"shape (N, {', '.join(map(str, shape))})", values.shape, remedy)
    values = computable(values, name)
    if mask is None:
        return Dataset(InMemory(values), Schema("real", shape), name=name)
    rows = InMemory(np.where(mask, values, values.dtype.type(0)))
    notes = tuple(gap_notes(gaps_of(values, mask)))
    return Dataset(rows, Schema("real", shape), InMemory(mask), name=name, notes=notes)


def table_reading(model: TakesRows, name: str) -> tuple[DataOptions, Schema]:
    """How tables in memory are read for a model.

    Args:
        model: The model.
        name: What errors call the table.

    Raises:
        InputError: If the model is none of tables, or does not say what its columns are.
    """
    if model.recipe is None:
        expected = "rows in the form that the model takes, since it has no recipe that says what its columns are"
        raise InputError(name, expected, "a table", "`read` it with schema= that of the training data")
    if model.recipe.schema.kind != "table":
        expected = f"{MEANINGS[model.recipe.schema.kind]}, as the model takes"
        raise InputError(name, expected, "a table", "give its numbers alone as an array")
    return DataOptions(missing=model.recipe.data.missing), model.recipe.schema


def as_context(context: Array | None, model: TakesRows, num_rows: int) -> Tensor | None:
    """What rows that a model draws are conditioned on, on the CPU.

    Args:
        context: One context per row, (num_rows, *c); None for a model that takes none.
        model: The model.
        num_rows: Number of rows.

    Raises:
        InputError: If it is missing, not wanted, not one per row, or does not hold finite numbers.
    """
    expected = f"{num_rows:,} rows, one per row to draw" if model.takes_context else "None, as the model was built"
    if (context is not None) != model.takes_context:
        raise InputError("context", expected, "None" if context is None else "a context")
    if context is None:
        return None
    values, mask = as_array(context, "context")
    if mask is not None:
        raise InputError("context", "a value everywhere", "gaps (NaN, or what is masked)", "fill them")
    if values.shape[:1] != (num_rows,):
        raise InputError("context", expected, f"shape {values.shape}")
    found = torch.from_numpy(np.require(computable(values, "context"), None, ["C", "W"]))
    refuse_not_finite(found, "context", model.dtype)
    return found


def drawn(data: Dataset, seed: int) -> Dataset:
    """Rows in memory with their transforms applied once, by a generator with this seed."""
    if not data.transforms:
        return data
    batch, key = data.all(), Key(generator(seed), len(data))
    for transform in data.transforms:
        batch = transform(batch, key)
    return data.replace(x=InMemory(batch.x.numpy()), transforms=())


def expected(data: Dataset) -> Tensor:
    """What scalings are set from, (N, *event): rows in memory with each transform replaced by its expectation.

    Gaps are filled with observed values of their own elements.
    """
    batch = data.all()
    for transform in data.transforms:
        batch = transform.expected(batch)
    return batch.x if batch.mask is None else filled(batch.x, batch.mask)


def filled(rows: Tensor, mask: Tensor) -> Tensor:
    """Rows whose gaps hold observed values of the same element, so that each element is distributed as observed.

    An element with n observed values and k gaps gets the values with the ranks (j + 1/2) n / k, j = 0 .. k - 1, in
    random order. So mean, spread and frequencies stay those of what was observed up to 1/N, whatever is taken from the
    rows. An element that is observed in no row is 0.

    Args:
        rows: Rows, (N, *event), with anything where they are not observed.
        mask: True where an element is observed, (N, *event).
    """
    values, seen = torch.where(mask, rows, torch.zeros((), dtype=rows.dtype)).flatten(1), mask.flatten(1)
    source = generator(0)
    for element in (~seen).any(0).nonzero().flatten().tolist():
        own = seen[:, element]
        observed = values[own, element].sort().values
        gaps = len(own) - len(observed)
        if len(observed):
            ranks = (2 * torch.arange(gaps) + 1) * len(observed) // (2 * gaps)
            values[~own, element] = observed[ranks[torch.randperm(gaps, generator=source)]]
    return values.reshape(rows.shape)


def check(data: Dataset, model: TakesRows, name: str = "x") -> None:
    """Checks rows in memory against a model; of rows that training transforms, the first.

    Args:
        data: The rows.
        model: The model.
        name: What errors call the rows.

    Raises:
        InputError: If there is no row, or the shape, a value or the kind of data is not what the model takes.
    """
    if not len(data):
        raise InputError(name, "at least one row", "none")
    if (data.context is not None) != model.takes_context:
        expects, comes = ("a context", "none") if model.takes_context else ("no context", "one")
        raise InputError(name, f"{expects}, as the model was built", comes)
    columns = model.recipe.schema.columns if model.recipe else ()
    if model.conditions is not None:
        _check_conditions(data, model.conditions.columns, name)
    if columns and data.schema.columns and data.schema.columns != columns:
        names = [list_names([column.name for column in schema]) for schema in (columns, data.schema.columns)]
        comes = names[1] if names[0] != names[1] else "columns of other kinds, or with other categories"
        raise InputError(name, f"the columns that the model takes: {names[0]}", comes, "`read` them with its schema")
    batch = (drawn(data.select(np.arange(1)), 0) if data.transforms else data).all()
    if batch.mask is not None and not batch.mask.any():
        raise InputError(name, "at least one observed value", "none", "give True where a value is observed")
    check_rows(batch.x, batch.mask, model.likelihood, name, model.dtype)


def _check_conditions(data: Dataset, columns: Sequence[Column], name: str) -> None:
    """Checks that rows have the conditions of a model.

    Raises:
        InputError: If they have others, or one is missing.
    """
    own = data.schema.conditions
    if own and [_meaning(column) for column in own] != [_meaning(column) for column in columns]:
        wanted, got = (list_names([column.name for column in known]) for known in (columns, own))
        got = got if wanted != got else f"{got} of another kind, or with other categories"
        raise InputError(name, f"the conditions of the model: {wanted}", got, "`read` them with its schema")
    without = np.flatnonzero(~data.has_context())
    if len(without):
        got = f"none in {rows_said(len(without), len(data), int(without[0]))}"
        remedy = "leave these rows out, or `classify` them"
        raise InputError(name, "a value of each condition in every row", got, remedy)


def _meaning(column: Column) -> tuple[str, str, tuple[str, ...]]:
    """What the values of a condition mean."""
    return column.name, column.kind, column.categories


def check_rows(
    rows: Tensor, mask: Tensor | None, likelihood: Likelihood, name: str = "x", dtype: torch.dtype = torch.float64
) -> None:
    """Checks rows against a likelihood.

    Args:
        rows: Rows as they are, (N, *event).
        mask: True where a value is observed; the others may be anything.
        likelihood: The likelihood.
        name: What errors call the rows.
        dtype: The type that the model computes in.

    Raises:
        InputError: If the shape, a value or the kind of data is not what the likelihood takes.
    """
    shape = tuple(likelihood.event_shape)
    if tuple(rows.shape[1:]) != shape:
        raise InputError(name, f"shape (N, {', '.join(map(str, shape))})", tuple(rows.shape))
    observed = rows if mask is None else torch.where(mask, rows, torch.zeros((), dtype=rows.dtype))
    if observed.is_floating_point():
        refuse_not_finite(observed, name, dtype)
    likelihood.check(observed)


def refuse_not_finite(rows: Tensor, name: str, dtype: torch.dtype = torch.float64) -> None:
    """Checks that rows are finite, in the type that they are computed in too.

    Raises:
        InputError: If an element is not; it names the number of such rows and the first of them.
    """
    largest = torch.finfo(dtype).max
    bad = torch.cat([(~(some.abs() <= largest)).reshape(len(some), -1).any(1) for some in rows.split(4096)])
    if not bad.any():
        return
    where = bad.nonzero().flatten()
    found = rows_said(len(where), len(rows), int(where[0]))
    if rows[bad].isfinite().all():
        kind = type_name(dtype)
        remedy = "divide them by a constant, or use a model in float64"
        raise InputError(name, f"numbers that {kind} holds, up to {largest:.2g}", f"larger ones in {found}", remedy)
    raise InputError(name, "finite numbers", f"NaN or infinity in {found}")


def check_weights(model: nn.Module, name: str = "model") -> None:
    """Checks that a model can be computed with.

    Args:
        model: The model.
        name: What errors call it.

    Raises:
        InputError: If it has no weights, or they are on several devices or on none, in half precision, or not finite.
    """
    weights = list(model.parameters())
    devices = sorted({str(tensor.device) for tensor in (*weights, *model.buffers())})
    floating = {p.dtype for p in weights if p.is_floating_point()}
    kinds = [type_name(dtype) for dtype in floating - set(WEIGHT_TYPES)]
    if not weights:
        raise InputError(name, "a model with weights", "none")
    if "meta" in devices:
        raise InputError(
            name, "weights with values", "weights on the meta device, which has none", "`load` or `build` it"
        )
    if len(devices) > 1:
        raise InputError(name, "weights on one device", f"weights on {', '.join(devices)}", "move it with .to(device)")
    if kinds:
        remedy = "use .float(); networks can run in bfloat16 all the same, by `set_precision`"
        raise InputError(name, "weights in float32 or float64", ", ".join(sorted(kinds)), remedy)
    require_finite_weights(model, model.state_dict(), name, "`load` or `build` it again")
