"""One line about data: what they were taken for, and how many rows there are."""

from variate.config.schema import Column, Schema
from variate.data.dataset import Dataset, Splits
from variate.data.source import Source
from variate.data.wording import list_names, plural, sides

NAMED_COLUMNS = 8
"""Tables with at most this many columns are described column by column, others kind by kind."""
MOST_NAMES = 40
"""Columns of a kind that are named."""


def describe(data: Source | Dataset | Splits) -> str:
    """One line about the data.

    Returns:
        For example `fashion-mnist: 70,000 grey images 28x28, 8-bit (train 54,000, validation 6,000, test 10,000)`.
    """
    parts = _parts(data)
    sizes = {part: len(rows) for part, rows in parts.items()}
    first = next(iter(parts.values()))
    where = "" if first.in_memory else ", read from disk as needed"
    line = f"{first.name}: {_rows(first.schema, sum(sizes.values()))}{_bits(first)}{_beside(first)}{where}"
    told = ", ".join(f"{part} {size:,}" for part, size in sizes.items())
    return f"{line} ({told})" if len(parts) > 1 else line


def _parts(data: Source | Dataset | Splits) -> dict[str, Dataset]:
    """The parts by name."""
    if isinstance(data, Splits):
        return {"train": data.train, "validation": data.validation, "test": data.test}
    if isinstance(data, Dataset):
        return {"rows": data}
    return {"rows": data.dataset} | ({} if data.test is None else {"official test": data.test})


def _rows(schema: Schema, count: int) -> str:
    """`70,000 grey images 28x28, 8-bit`."""
    if schema.kind == "table":
        return f"{plural(count, 'row')} of {_columns(schema)}"
    if schema.is_image:
        channels, height, width = schema.shape
        color = {1: "grey", 3: "RGB", 4: "RGBA"}.get(channels, f"{channels}-channel")
        return f"{plural(count, f'{color} image')} {height}x{width}, {_numbers(schema)}"
    return f"{plural(count, 'row')} of {sides(schema.shape)} values, {_numbers(schema)}"


def _numbers(schema: Schema) -> str:
    """What the numbers of an image or row are."""
    if schema.kind == "pixels":
        return "8-bit" if schema.levels == 256 else f"{schema.levels} levels"
    return {
        "binary": "binary: only 0 and 1",
        "counts": "counts: whole numbers from 0",
        "real": "real numbers",
    }[schema.kind]


def _columns(schema: Schema) -> str:
    """`4 columns: age real, sex categorical of 2, children counts, born date`."""
    head = plural(len(schema.columns), "column")
    if len(schema.columns) > NAMED_COLUMNS:
        names: dict[str, list[str]] = {}
        for column in schema.columns:
            names.setdefault(_kind(column), []).append(column.name)
        kinds = (f"{len(own)} {kind} ({list_names(own, MOST_NAMES)})" for kind, own in names.items())
        return f"{head}: {', '.join(kinds)}"
    return f"{head}: {', '.join(map(_column, schema.columns))}"


def _kind(column: Column) -> str:
    """The kind of a column in words: dates are numbers only to the model."""
    from variate.data.schema.as_numbers import is_date  # imported late: it loads pyarrow, which arrays do without

    return "date" if is_date(column.format) else column.kind


def _beside(rows: Dataset) -> str:
    """What the rows are conditional on, weighted by and labelled with."""
    told = [f", conditional on {', '.join(map(_column, rows.schema.conditions))}"] if rows.schema.conditions else []
    told += [", with weights"] if rows.weight is not None else []
    told += [f", labelled with {_column(rows.label)}"] if rows.label is not None else []
    return "".join(told)


def _column(column: Column) -> str:
    """`sex categorical of 2`."""
    size = f" of {len(column.categories)}" if column.categories else ""
    return f"{column.name} {_kind(column)}{size}"


def _bits(rows: Dataset) -> str:
    """How bits are drawn from grey levels."""
    if rows.schema.kind != "binary" or not rows.schema.levels:
        return ""
    how = "anew in each batch" if rows.transforms else "once"
    return f", drawn {how} from {rows.schema.levels} grey levels"
