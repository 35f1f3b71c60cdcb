"""Data: sources to rows, rows to training, validation and test parts. NumPy only; no torch."""

from variate.data.arrays import from_array
from variate.data.binarize import binarized
from variate.data.rows import Rows, Splits, describe
from variate.data.sources import read
from variate.data.split import fingerprint, split

__all__ = ["Rows", "Splits", "binarized", "describe", "fingerprint", "from_array", "read", "split"]
