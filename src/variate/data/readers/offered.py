"""What readers of arrays and images offer beside their rows, to condition on, to weigh by and to judge by.

images                the sub-folder of each, as its label
MNIST's format        the file of labels beside that of the images
.npz                  the other arrays, one of which may be called label
built-in data sets    their labels
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.roles import names_beside, role_of
from variate.data.source import Source
from variate.data.wording import plural
from variate.errors import InputError, Option, Sentence

LABEL = "label"
"""What readers of arrays and images call that which their rows are labelled with."""

Offered = Mapping[str, Callable[[], Sequence[np.ndarray]]]
"""What a reader can give beside its rows, by name: values of the rows and, if there is one, of the test set."""


def with_offered(source: Source, options: DataOptions, schema: Schema | None, offered: Offered) -> Source:
    """Arrays or images with what stands beside them.

    Args:
        source: The rows.
        options: As for `Beside`.
        schema: Of a model, if the rows are read for one.
        offered: What there is beside them.

    Raises:
        InputError: If something is wanted that is not offered, or that has another number of values than there are
            rows.
    """
    wanted = names_beside(options, schema)
    if not wanted:
        return source
    unknown = [name for name in wanted if name not in offered]
    if unknown:
        role = role_of(unknown[0], options)
        role = source.name if role == "condition" and schema is not None else role
        named = f"one of {', '.join(map(repr, offered))}" if offered else "nothing: it has no labels"
        got, remedy = repr(unknown[0]), Sentence("leave out ", Option(role)) if schema is None else ""
        raise InputError(role, f"what {source.name} has beside its rows, {named}", got, remedy)
    import pyarrow as pa  # which arrays without anything beside them do without

    from variate.data.readers.beside import Beside

    table = pa.table({name: pa.array(_values(name, offered[name](), source)) for name in wanted})
    beside = Beside(options, table.column_names, schema, source.name)
    beside.add(table, source.name)
    return beside.attached(source)


def _values(name: str, parts: Sequence[np.ndarray], source: Source) -> np.ndarray:
    """The values of all rows, those of a test set last.

    Raises:
        InputError: If there is not one per row.
    """
    sizes = [len(source.dataset), *([] if source.test is None else [len(source.test)])]
    for part, size in zip(parts, sizes, strict=False):
        if part.shape != (size,):
            expected = f"one value of {name!r} for each of its {plural(size, 'row')}"
            raise InputError(source.name, expected, f"an array of shape {part.shape}")
    if len(parts) < len(sizes):
        got = f"values for {plural(sizes[0], 'row')} and none for its test set"
        raise InputError(source.name, f"one value of {name!r} for each of its {sum(sizes):,} rows", got)
    return np.concatenate(list(parts))
