"""Learns a table and draws rows: variate, or ctgan's TVAE, each with its defaults."""

import time
import warnings
from typing import Any

import numpy as np

import variate
from benchmarks.synthesis import MOST_ROWS, as_values, named_cells, parted, seen_values, without_gaps


class Side:
    """One generator, in a process of its own."""

    def setup(self, way: str, path: str, seed: int, quick: bool) -> dict[str, int]:
        """Reads the table, and imports what is needed, so that neither is timed.

        Args:
            way: variate or TVAE.
            path: The table.
            seed: Seed of the parts, of the training and of the draws.
            quick: One epoch on a few rows.
        """
        self.seed, self.quick, self.splits = seed, quick, parted(path, seed, quick)
        self.columns, seen = self.splits.train.schema.columns, seen_values(self.splits)
        self.rows = min(len(seen), MOST_ROWS)
        if way == "TVAE":
            import pandas as pd
            from ctgan import TVAE

            self.frame = pd.DataFrame(without_gaps(named_cells(seen, self.columns), self.columns))
            self.tvae = TVAE(enable_gpu=False, **({"epochs": 1} if quick else {}))
            self.tvae.set_random_state(seed)
        self.build, self.fit = variate.build, variate.fit  # which are imported when they are first named
        self.generate = {"variate": self._variate, "TVAE": self._tvae}[way]
        return {"rows": self.rows}

    def run(self, out: str) -> dict[str, Any]:
        """Seconds of fitting and of drawing; the rows are written to a file."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows, fit, draw = self.generate()
        np.save(out, rows)
        return {"fit": fit, "draw": draw}

    def _variate(self) -> tuple[np.ndarray, float, float]:
        start = time.perf_counter()
        gaps = "model" if any(column.gaps for column in self.columns) else "given"
        model = self.build(self.splits, variate.ModelOptions(gaps=gaps), seed=self.seed)
        self.fit(model, self.splits, seed=self.seed, **({"epochs": 1} if self.quick else {}))
        middle = time.perf_counter()
        drawn = model.sample(self.rows, seed=self.seed).numpy()
        rows = variate.obey(drawn, self.splits.train.schema, gaps=gaps == "model")  # as `variate sample` writes them
        return rows, middle - start, time.perf_counter() - middle

    def _tvae(self) -> tuple[np.ndarray, float, float]:
        start = time.perf_counter()
        self.tvae.fit(self.frame, [own.name for own in self.columns if own.kind in ("categorical", "binary")])
        middle = time.perf_counter()
        drawn = self.tvae.sample(self.rows)
        end = time.perf_counter()
        rows = as_values({name: drawn[name].to_numpy() for name in drawn}, self.columns)
        return rows, middle - start, end - middle
