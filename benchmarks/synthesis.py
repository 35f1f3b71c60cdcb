"""Tables to make synthetic rows of: the same rows for every generator, as numbers and as named columns.

A generator sees the columns that variate models: numbers (dates as days or seconds), and categories as text, of which
`c3` is the one with the code 3. Identifiers and free text, which variate sets aside, are seen by none.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import variate
from variate.comparison.rows import Values, values_of
from variate.config.schema import Column
from variate.data.schema.grids import decimals_of

TEST = 0.2
"""Fraction of the rows that no generator sees."""
QUICK_ROWS, MOST_ROWS = 300, 20_000
"""Rows of the real table in a quick run, and the most synthetic rows."""
GAP = "missing"
"""The category that stands for a gap."""


def parted(path: str, seed: int, quick: bool) -> variate.Splits:
    """A table in its parts; of a quick run, some of its rows."""
    source = variate.read(path)
    few = source.dataset.select(np.arange(min(len(source), QUICK_ROWS))) if quick else source
    return variate.split(few, variate.DataOptions(test=TEST, split_seed=seed))


def seen_values(splits: variate.Splits) -> Values:
    """All rows that a generator may see: training and validation part, NaN where a cell is missing."""
    return np.concatenate([values_of(splits.train), values_of(splits.validation)])


def called(path: str) -> str:
    """The name of a table: its file's, without the endings."""
    return Path(path).name.partition(".")[0]


def is_number(column: Column) -> bool:
    """Whether the column holds numbers, and not codes of categories."""
    return column.kind in ("real", "counts")


def named_cells(values: Values, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Rows as named columns: whole numbers as such, categories as text, NaN or None for gaps."""
    return {own.name: _cells(cells, own) for own, cells in zip(columns, values.T, strict=True)}


def _cells(cells: np.ndarray, column: Column) -> np.ndarray:
    gaps = np.isnan(cells)
    if not is_number(column):
        return np.array([None if gap else f"c{cell:.0f}" for cell, gap in zip(cells, gaps, strict=True)], dtype=object)
    is_whole = not gaps.any() and bool((cells == np.rint(cells)).all())
    return cells.astype(np.int64) if is_whole else cells


def without_gaps(cells: Mapping[str, np.ndarray], columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Named columns without gaps: numbers have the mean of their column there, categories one that says so."""
    numbers = {own.name for own in columns if is_number(own)}
    return {name: _filled(own, name in numbers) for name, own in cells.items()}


def _filled(cells: np.ndarray, is_numbers: bool) -> np.ndarray:
    if is_numbers:
        gaps = np.isnan(cells)
        return np.where(gaps, cells[~gaps].mean(), cells) if gaps.any() else cells
    return np.array([GAP if cell is None else cell for cell in cells], dtype=object)


def as_values(cells: Mapping[str, np.ndarray], columns: Sequence[Column]) -> Values:
    """Named columns as rows of numbers, the reverse of `named_cells`; the category of gaps is one."""

    def code(text: str) -> float:
        return np.nan if text == GAP else float(text[1:])

    parts = [
        np.asarray(cells[own.name], np.float64) if is_number(own) else np.array([code(c) for c in cells[own.name]])
        for own in columns
    ]
    return np.stack(parts, axis=1)


def clipped_and_rounded(values: Values, seen: Values, columns: Sequence[Column]) -> Values:
    """Rows with the numbers brought into the range of the rows seen, and to as many decimals.

    Args:
        values: Synthetic rows, (M, D).
        seen: The rows that the generator saw, (N, D).
        columns: What the columns are.
    """
    found = values.copy()
    for j, column in enumerate(columns):
        known = seen[~np.isnan(seen[:, j]), j]
        if is_number(column) and len(known):
            decimals = decimals_of(known)
            clipped = np.clip(values[:, j], known.min(), known.max())
            found[:, j] = clipped if decimals is None else np.round(clipped, decimals)
    return found
