"""What a request asks of a model, and the same once its rows are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data import Dataset, read
from variate.data.readers.contents import images_in
from variate.data.readers.offered import with_offered
from variate.data.schema.fits import open_numbers
from variate.data.source import Source
from variate.errors import InputError
from variate.limits import Checked
from variate.models.base import Model
from variate.models.checked import from_rows, table_reading
from variate.serve.formats import Format
from variate.serve.given import NAME, RequestRows
from variate.serve.worker import QueuedJob


class ModelRequest(NamedTuple):
    """A request, as bytes.

    Attributes:
        action: What is asked for: the name of the route.
        options: The parameters of its address.
        content: Its body.
        form: The format of the body.
        answer: The format that the answer is to have; None leaves that open.
    """

    action: str
    options: Mapping[str, Sequence[str]]
    content: bytes
    form: Format
    answer: Format | None


@dataclass(frozen=True, eq=False)
class ReadRequest:
    """A request that was read.

    Attributes:
        job: Who waits for it.
        asked: The request.
        given: What it gives.
        options: Its options.
        rows: Its rows, not yet checked against the model; None where it has none.
    """

    job: QueuedJob
    asked: ModelRequest
    given: RequestRows
    options: Checked
    rows: Dataset | None

    @property
    def kind(self) -> tuple[object, ...]:
        """What requests have in common that can be computed together."""
        rows = self.rows
        if rows is None or rows.transforms:  # whose bits are drawn by their places among the rows
            return (self.asked.action, id(self))
        parts = [(name, own.dtype.str, own.shape) for name, own in rows.storages().items()]
        return (self.asked.action, self.options, rows.schema, *parts)


def given_rows(given: RequestRows, model: Model, schema: Schema, data: DataOptions, is_open: bool = False) -> Dataset:
    """The rows that a request gives, as the model takes them; their values are not checked yet.

    Args:
        given: What the request gives.
        model: The model.
        schema: What its rows are.
        data: How the data were read that it was trained on.
        is_open: Whether bits and counts may be any numbers, as where rows are scored.

    Raises:
        InputError: If there are no rows, or they are none for the model.
    """
    if given.table is not None:
        if given.conditions:
            got, remedy = "an object beside a table", "make them columns of the table"
            raise InputError("condition", "none", got, remedy)
        options, own = table_reading(model, NAME)
        found = read(given.table, options, open_numbers(own) if is_open else own).dataset
        return found.replace(schema=own) if is_open else found
    if given.images:
        source = images_in(given.images, "images", data, schema)
    elif given.array is not None:
        source = Source(from_rows(given.array, model, NAME))
    else:
        raise InputError(NAME, "rows", "none", 'send them as {"rows": [...]}, or as npy, Arrow or an image')
    return _with_conditions(source, given.conditions, schema).all_rows()


def _with_conditions(source: Source, conditions: Mapping[str, Any], schema: Schema) -> Source:
    """Rows with what they are conditional on.

    Raises:
        InputError: If the model is conditional on something else, or there is not one value per row.
    """
    known = [own.name for own in schema.conditions]
    for name, values in conditions.items():
        if name not in known:
            got = repr(name)
            raise InputError("condition", f"one of {', '.join(known)}" if known else "none for this model", got)
        if any(isinstance(value, list | dict) for value in (values if isinstance(values, list) else [values])):
            raise InputError("condition", "a text or a number per row", "lists or objects")
    if not known or not conditions:
        return source
    number = len(source)
    offered = {
        name: (lambda own=values: [np.array(own if isinstance(own, list) else [own] * number, object)])
        for name, values in conditions.items()
    }
    options = DataOptions(condition=tuple(known))
    return with_offered(source, options, replace(schema, aside=(), relations=()), offered)
