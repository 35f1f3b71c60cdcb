"""Data: sources are read, checked and split into training, validation and test parts; all without torch."""

from variate.data.arrays import from_arrays
from variate.data.dataset import Dataset, Splits
from variate.data.describe import describe as describe
from variate.data.readers.array_sources import array_source
from variate.data.readers.sources import read
from variate.data.source import Source
from variate.data.split import fingerprint, held_out_rows
from variate.data.split import split as split
from variate.data.storage.base import Storage
from variate.data.transforms import DrawBits, binarized

Rows = Streamed = Source  # old names, until everything that uses them is rewritten
Stream = Storage
from_array = array_source


def in_memory(rows):  # type: ignore[no-untyped-def]  # noqa: ANN001
    return rows.sample().x.all() if isinstance(rows, Dataset) else rows


__all__ = [
    "Dataset",
    "DrawBits",
    "Source",
    "Splits",
    "Storage",
    "array_source",
    "binarized",
    "describe",
    "fingerprint",
    "from_arrays",
    "held_out_rows",
    "read",
    "split",
]
