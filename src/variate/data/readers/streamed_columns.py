"""The columns of a table that is read in pieces: each is profiled, or checked for a model, and written to disk."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from variate.config.recipe import DataOptions
from variate.config.schema import Column, Schema
from variate.data.readers.surveys import ColumnSurvey
from variate.data.schema.arrow_columns import each_column, raw_column
from variate.data.schema.formats import INEXACT
from variate.data.schema.profiles import RawColumn
from variate.data.schema.values import column_values, odd_words, refuse_odd, unseen_categories
from variate.data.storage.spilled import SpillWriter


class StreamedColumns:
    """What is known of the columns so far, which are called by their numbers: their names may still be equal.

    Args:
        names: The names of the columns to keep, by their numbers.
        source: What errors call the table.
        options: `columns` and `missing` are used.
        schema: Of a model, if the rows are read for one.

    Attributes:
        survey: The profiles, if there is no model.
        writer: What writes the rows.
        filled: Numbers of the columns that have a value.
        gaps: Number of missing cells of each column of a model.
        unseen: Categories that a model has never seen, with the number of their cells, by column.
        rows: Number of rows.
    """

    def __init__(self, names: Mapping[int, str], source: str, options: DataOptions, schema: Schema | None) -> None:
        self.names, self.source, self.options = names, source, options
        self.survey, self.writer = ColumnSurvey(options), SpillWriter(source)
        self.filled: set[int] = set()
        self.gaps: Counter[str] = Counter()
        self.unseen: dict[str, Counter[str]] = {}
        self.rows = 0
        self._of_model: dict[str, Column] | None = None
        if schema is not None:
            self._of_model = {column.name: column for column in schema.columns}
        self._odd: dict[str, Counter[str]] = {}
        self._cells: Counter[str] = Counter()

    def add(self, table: pa.Table) -> None:
        """Takes the next rows, of which columns that are not kept are left out.

        Raises:
            InputError: If a column cannot be used.
        """
        numbers = [number for number in self.names if str(number) in table.column_names]
        kept = table.select([str(number) for number in numbers])
        written: list[pa.ChunkedArray | pa.Array] = []

        def use(place: int, raw: RawColumn) -> None:
            self._use(str(numbers[place]), raw)
            written.append(pa.array(raw.numbers) if raw.words is None else kept.column(place))

        self.filled |= {n for n in numbers if kept[str(n)].null_count < kept.num_rows}
        named = kept.rename_columns([self.names[number] for number in numbers])
        each_column(named, self.source, use, self.options.missing, self.rows)
        self.writer.add(pa.table(written, names=kept.column_names))
        self.rows += kept.num_rows

    def _use(self, key: str, raw: RawColumn) -> None:
        """Profiles some cells of a column, or checks whether a model can take them."""
        if self._of_model is None:
            self.survey.add(raw, key)
        elif (column := self._of_model.get(raw.name)) is not None:
            odd = odd_words(raw, column)
            values = column_values(raw, column, self.source, first_row=self.rows, allow_odd=True)
            self.unseen.setdefault(raw.name, Counter()).update(unseen_categories(raw, column))
            self.gaps[raw.name] += int(np.count_nonzero(np.isnan(values)))
            self._odd.setdefault(raw.name, Counter()).update(odd)
            self._cells[raw.name] += int(np.count_nonzero(~np.isnan(raw.numbers)))

    def finish(self, types: Mapping[int, pa.DataType]) -> None:
        """Ends the rows.

        Args:
            types: What the types of the columns have turned out to be.

        Raises:
            InputError: If a model cannot take a column, or the disk is full.
        """
        self.writer.finish()
        for name, odd in self._odd.items():
            assert self._of_model is not None
            refuse_odd(odd, self._cells[name], self._of_model[name], self.source)
        for key, profile in self.survey.profiles.items():
            native = _native(types[int(key)])
            if types[int(key)] == pa.int64() and profile.native == INEXACT:
                native = INEXACT
            self.survey.profiles[key] = profile._replace(native=native)


def _native(kind: pa.DataType) -> str:
    """The format of values that are neither numbers nor text; empty for others."""
    return raw_column("", pa.chunked_array([], kind), "").native
