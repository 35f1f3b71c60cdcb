"""Data: sources are read, checked, described and split into training, validation and test parts, without torch."""

from variate.data.arrays import from_arrays
from variate.data.dataset import Dataset, Splits
from variate.data.describe import describe as describe
from variate.data.readers.sources import read
from variate.data.source import Source
from variate.data.split import fingerprint, held_out_rows, rows_with_conditions
from variate.data.split import split as split
from variate.data.storage.base import Storage
from variate.data.transforms import DrawBits, binarized

__all__ = [
    "Dataset",
    "DrawBits",
    "Source",
    "Splits",
    "Storage",
    "binarized",
    "describe",
    "fingerprint",
    "from_arrays",
    "held_out_rows",
    "read",
    "rows_with_conditions",
    "split",
]
