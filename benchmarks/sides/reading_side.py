"""Reads a table of text once: with pyarrow alone, or as variate does when it streams."""

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes of what the system counts memory in."""


class Side:
    """One way to read, in a process of its own."""

    def setup(self, way: str) -> None:
        """Reads a tiny table, so that nothing is imported while it is timed."""
        self.read = {"pyarrow": self._pyarrow, "variate": self._variate}[way]
        with tempfile.TemporaryDirectory() as folder:
            tiny = Path(folder) / "tiny.csv"
            tiny.write_text("a,b\n" + "".join(f"{row / 8},{row % 7}\n" for row in range(100)))
            self.read(str(tiny))

    def run(self, path: str) -> dict[str, Any]:
        """Seconds, rows, and the most memory so far in bytes."""
        start = time.perf_counter()
        rows = self.read(path)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "rows": rows, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT}

    @staticmethod
    def _pyarrow(path: str) -> int:
        from pyarrow import csv

        return int(csv.read_csv(path).num_rows)

    @staticmethod
    def _variate(path: str) -> int:
        import variate

        return len(variate.read(path, variate.DataOptions(stream="on")))
