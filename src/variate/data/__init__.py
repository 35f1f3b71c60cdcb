"""Data: sources to rows, rows to training, validation and test parts. NumPy only; no torch."""

from variate.data.arrays import from_array
from variate.data.binarize import binarized
from variate.data.rows import Rows, Splits, describe
from variate.data.sources import read
from variate.data.split import fingerprint, split
from variate.data.stream import Stream, Streamed, in_memory

__all__ = [
    "Rows",
    "Splits",
    "Stream",
    "Streamed",
    "binarized",
    "describe",
    "fingerprint",
    "from_array",
    "in_memory",
    "read",
    "split",
]
