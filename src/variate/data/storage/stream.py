"""Old names, until everything that uses them is rewritten."""

from variate.data.storage.base import HELD_OUT_BYTES, SAMPLE_BYTES, spread

__all__ = ["HELD_OUT_BYTES", "SAMPLE_BYTES", "spread"]
