"""Data: sources to rows, rows to training, validation and test parts. NumPy only; no torch."""

from variate.data.arrays import from_arrays
from variate.data.dataset import Dataset
from variate.data.readers.arrays import from_array
from variate.data.readers.sources import read
from variate.data.rows import Rows, Splits, describe
from variate.data.split import fingerprint, split
from variate.data.storage.stream import Stream, Streamed, in_memory
from variate.data.transforms import binarized

__all__ = [
    "Dataset",
    "Rows",
    "Splits",
    "Stream",
    "Streamed",
    "binarized",
    "describe",
    "fingerprint",
    "from_array",
    "from_arrays",
    "in_memory",
    "read",
    "split",
]
