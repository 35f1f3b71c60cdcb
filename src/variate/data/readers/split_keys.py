"""The column by which rows are split into parts, read beside the model's columns: it need not be one of them.

    split_by      a number per different value: rows with the same value stay in one part
    split_time    numbers, or dates as days or seconds: the latest rows are the test part

Its values are kept per row, 8 bytes each, also of rows that stay on disk. How the rows are then split,
`variate.data.whole_groups` says.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.data.schema.arrow_columns import ALWAYS_MISSING, raw_column
from variate.data.schema.as_numbers import numbers_told
from variate.data.schema.formats import INEXACT, format_called, numbers_in
from variate.data.schema.naming import cell_called, column_called, name_called
from variate.data.schema.number_formats import NUMBER
from variate.data.schema.profiles import RawColumn, profile
from variate.data.source import SplitColumn
from variate.data.wording import list_names
from variate.errors import InputError, Option, Sentence, did_you_mean
from variate.runtime import memory


class SplitKey:
    """Collects the values of the column to split by, from all rows at once or from pieces of them in order.

    Args:
        option: `split_by` or `split_time`; empty where rows are split one by one.
        name: Name of the column.
        source: What errors call the table.
        missing: Texts and numbers that say that a value is missing.
    """

    def __init__(self, option: str, name: str, source: str, missing: Sequence[str] = ()) -> None:
        self.option, self.name, self.source, self.missing = option, name, source, tuple(missing)
        self.names = [name] if option else []
        self._codes: dict[Any, int] = {}
        self._pieces: list[np.ndarray] = []
        self._is_text, self._native = False, ""
        self._rows = 0

    @classmethod
    def of(cls, options: DataOptions, names: Sequence[str], source: str) -> "SplitKey":
        """That which the options name.

        Args:
            options: `split_by`, `split_time` and `missing` are used.
            names: The names of the columns of the table.
            source: What errors call the table.

        Raises:
            InputError: If the table has no such column, or both options are given.
        """
        if options.split_by is not None and options.split_time is not None:
            remedy = Sentence("leave out ", Option("split_by"), " or ", Option("split_time"))
            raise InputError("split_time", "one way to split the rows", "split_by beside it", remedy)
        option = next((option for option in ("split_by", "split_time") if getattr(options, option) is not None), "")
        name = getattr(options, option) if option else ""
        if option and name not in names:
            expected = f"a column of {source}: {list_names([name_called(known) for known in sorted(names)], 10)}"
            raise InputError(option, expected, repr(name), did_you_mean(name, names))
        return cls(option, name, source, options.missing)

    def add(self, table: pa.Table, source: str, first_row: int = 0) -> None:
        """Takes the next rows.

        Args:
            table: Some rows; what is not the column is not looked at.
            source: What errors call them.
            first_row: The number of the first of them.

        Raises:
            InputError: If its type has no values to split by, or there are more than memory holds.
        """
        if not self.option:
            return
        self._rows += table.num_rows
        memory.require(16 * self._rows, self.source)
        if self.option == "split_by":
            self._pieces.append(self._groups(table[self.name]))
        else:
            self._pieces.append(self._times(raw_column(self.name, table[self.name], source, self.missing, first_row)))

    def column(self) -> SplitColumn | None:
        """The column; None where rows are split one by one.

        Raises:
            InputError: If it is one of times and holds texts that are no dates.
        """
        if not self.option:
            return None
        values, form = np.concatenate(self._pieces), self._native
        if self._is_text:
            values, form = self._dates(values)
        return SplitColumn(self.name, values, self.option == "split_time", form)

    def _groups(self, column: pa.ChunkedArray) -> np.ndarray:
        """A number per different value, NaN where there is none."""
        gaps = {*ALWAYS_MISSING, *self.missing}
        found = [np.empty(0)]
        for chunk in column.chunks:
            encoded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
            words = encoded.dictionary.to_pylist()
            places = [
                np.nan if _is_gap(word, gaps) else self._codes.setdefault(word, len(self._codes)) for word in words
            ]
            codes = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
            found.append(np.array([*places, np.nan])[codes])
        return np.concatenate(found)

    def _times(self, raw: RawColumn) -> np.ndarray:
        """Numbers; of text, a number per different text."""
        if raw.words is None:
            if raw.native == INEXACT:
                got = "whole numbers beyond 2^53, which are no times"
                raise InputError(self.option, f"numbers or dates in {column_called(self.name)}", got)
            self._native = raw.native or self._native
            return raw.numbers
        self._is_text = True
        places = np.array([*(self._codes.setdefault(word, len(self._codes)) for word in raw.words), np.nan])
        return places[np.where(np.isnan(raw.numbers), len(raw.words), raw.numbers).astype(np.intp)]

    def _dates(self, codes: np.ndarray) -> tuple[np.ndarray, str]:
        """The numbers or dates that texts say, and their format."""
        words = tuple(self._codes)
        told = numbers_told(profile(RawColumn(self.name, codes, words)))
        if told is None:
            got = f"text such as {cell_called(words[0])}" if words else "no value in any row"
            raise InputError(self.option, f"numbers or dates in {column_called(self.name)}", got, "name another column")
        said = np.append(numbers_in(words, format_called(told.format) or NUMBER), np.nan)
        return np.asarray(said[np.where(np.isnan(codes), len(words), codes).astype(np.intp)]), told.format


def _is_gap(value: object, gaps: set[str]) -> bool:
    """Whether a value says that there is none."""
    if value is None or value != value:  # which is so of NaN alone
        return True
    if isinstance(value, str):
        return value.strip() in gaps
    return any(_equals(value, mark) for mark in gaps)


def _equals(value: object, mark: str) -> bool:
    """Whether a number is the one that a text says."""
    try:
        return bool(value == float(mark))
    except ValueError:
        return False
