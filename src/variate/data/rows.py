"""What reading gives: rows as they were found, and rows parted for training."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped

from variate.config.recipe import Schema
from variate.data.storage.stream import Stream, Streamed
from variate.data.wording import plural, sides

NAMED_COLUMNS = 8
"""Tables with at most this many columns are described column by column."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Data as they were read.

    Attributes:
        values: (N, *schema.shape). Pixels and bits are uint8, counts int32 or int64, real numbers float32 or float64, a
            table float64 with its categories as codes 0 .. K-1.
        schema: What one row is.
        notes: One sentence each on what the reader did or left out, and why.
        name: What to call the data.
        test: The official test set, where the source has one.
    """

    values: Shaped[np.ndarray, "N *event"]
    schema: Schema
    notes: tuple[str, ...] = ()
    name: str = ""
    test: Shaped[np.ndarray, "M *event"] | None = None


@dataclass(frozen=True, eq=False)
class Splits:
    """Data parted for training; no row is in two parts, and every part has at least one.

    Attributes:
        train: Rows that the weights are fitted to; of a stream those that stay on disk.
        validation: Rows that choose the best weights.
        test: Rows that training never sees.
        schema: What one row is.
        notes: One sentence each on what was done, and why.
        name: What to call the data.
        fingerprint: The first 12 hexadecimal digits of a SHA-256 over all rows before they were parted, so that two
            runs on the same data show it. Of binarized data, the bits of the draw that validation and test are. Of a
            stream, see `variate.data.split.stream_fingerprint`.
        redraw: Whether `train` holds grey levels, of which training draws the bits anew at each access
            (`schema.levels` says how many levels there are).
    """

    train: Shaped[np.ndarray, "N *event"] | Stream
    validation: Shaped[np.ndarray, "V *event"]
    test: Shaped[np.ndarray, "T *event"]
    schema: Schema
    notes: tuple[str, ...]
    name: str
    fingerprint: str
    redraw: bool = False


def describe(data: Rows | Streamed | Splits) -> str:
    """One line for people: what the data were taken for, and how many there are.

    Returns:
        For example `fashion-mnist: 70,000 grey images 28x28, 8-bit (train 54,000, validation 6,000, test 10,000)`.
    """
    parts = parts_of(data)
    count = sum(parts.values())
    sizes = ", ".join(f"{part} {size:,}" for part, size in parts.items())
    line = f"{data.name}: {event(data.schema, count)}{bits(data)}{where(data)}"
    return f"{line} ({sizes})" if len(parts) > 1 else line


def parts_of(data: Rows | Streamed | Splits) -> dict[str, int]:
    """How many rows each part has."""
    if isinstance(data, Splits):
        return {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}
    if isinstance(data, Streamed):
        return {"rows": len(data.rows)}
    if data.test is not None:
        return {"rows": len(data.values), "official test": len(data.test)}
    return {"rows": len(data.values)}


def event(schema: Schema, count: int) -> str:
    """`70,000 grey images 28x28, 8-bit`."""
    if schema.kind == "table":
        return f"{plural(count, 'row')} of {columns(schema)}"
    if schema.is_image:
        channels, height, width = schema.shape
        color = {1: "grey", 3: "RGB", 4: "RGBA"}.get(channels, f"{channels}-channel")
        return f"{plural(count, f'{color} image')} {height}x{width}, {numbers(schema)}"
    return f"{plural(count, 'row')} of {sides(schema.shape)} values, {numbers(schema)}"


def numbers(schema: Schema) -> str:
    """What the numbers of an image or row are."""
    if schema.kind == "pixels":
        return "8-bit" if schema.levels == 256 else f"{schema.levels} levels"
    return {
        "binary": "binary: only 0 and 1",
        "counts": "counts: whole numbers from 0",
        "real": "real numbers",
    }[schema.kind]


def columns(schema: Schema) -> str:
    """`3 columns: age real, sex categorical of 2, children counts`."""
    head = plural(len(schema.columns), "column")
    if len(schema.columns) > NAMED_COLUMNS:
        kinds = Counter(column.kind for column in schema.columns)
        return f"{head}: {', '.join(f'{number} {kind}' for kind, number in kinds.items())}"
    told = (f"{c.name} {c.kind}{f' of {len(c.categories)}' if c.categories else ''}" for c in schema.columns)
    return f"{head}: {', '.join(told)}"


def where(data: Rows | Streamed | Splits) -> str:
    """Where the rows are, if not in memory."""
    stays = isinstance(data, Streamed) or (isinstance(data, Splits) and isinstance(data.train, Stream))
    return ", read from disk as needed" if stays else ""


def bits(data: Rows | Streamed | Splits) -> str:
    """Where the bits of binarized data come from."""
    if data.schema.kind != "binary" or not data.schema.levels:
        return ""
    how = "anew at each access" if isinstance(data, Splits) and data.redraw else "once"
    return f", drawn {how} from {data.schema.levels} grey levels"
