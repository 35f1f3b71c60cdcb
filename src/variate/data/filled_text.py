"""A table of text with its gaps filled: the text of the file, byte for byte, but for the cells that had no value.

A filled cell is written like the others of its column: categories and bits as in another row, numbers and dates in
their format, in quotes where the others are.
"""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from jaxtyping import Float64

from variate.config.schema import Column
from variate.data.filled_tables import plain_text
from variate.data.fillings import FilledColumn, Fillings, added_names
from variate.data.readers.csv_cells import MISSING_WORD, CsvCells
from variate.data.readers.originals import Piece
from variate.data.schema.written import as_written, form_of
from variate.errors import InputError

Examples = dict[int, str]
"""How values of a column are written, by their codes; of a column of numbers, how one is, by 0."""


class FilledText:
    """A table of text with its gaps filled.

    Args:
        cells: Where its cells are.
        piece: All of its rows.
        fillings: What its gaps are filled with.
    """

    def __init__(self, cells: CsvCells, piece: Piece, fillings: Fillings) -> None:
        self.cells, self.piece, self.fillings = cells, piece, fillings
        self.columns = {place: piece.rows.schema.columns[place] for place in fillings.places}
        self.examples = self._examples()

    def pieces(self) -> Iterator[bytes]:
        """The text, in the encoding of the file.

        Raises:
            InputError: If a filled cell cannot be written in that encoding.
        """
        encoding = self.cells.encoding
        encoder = codecs.getincrementalencoder(encoding.name)()
        yield encoding.mark
        try:
            for piece in self._in_utf8():
                yield encoder.encode(piece.decode())
        except UnicodeEncodeError as error:
            got = f"{error.object[error.start : error.end]!r}, which it does not have"
            raise InputError(
                "out", f"cells in the encoding of the table, {encoding.name}", got, "use .parquet"
            ) from None

    def _in_utf8(self) -> Iterator[bytes]:
        before, after, rows = *self._names(), self.piece.table.num_rows
        yield self.cells.beginning(before, after)
        copies = self.fillings.copies or ("",)
        for copy, values in zip(copies, self.fillings.values, strict=True):
            draw = f"{copy}{self.cells.delimiter}" if self.fillings.copies else ""
            body = b"".join(self.cells.replaced(self._texts(values), rows, draw, self._std))
            if copy == copies[-1]:
                yield body
            else:  # below which the next begins
                yield body if body.endswith((b"\n", b"\r")) else body + self.cells.line_end

    def _names(self) -> tuple[str, str]:
        """What is written before and after the names in the header line: names of the columns that are added."""
        mark, names = self.cells.delimiter, self.piece.table.column_names
        with_std = [column.name for column in self.columns.values()] if self.fillings.std is not None else []
        std, draw = added_names(names, with_std, bool(self.fillings.copies))
        after = "".join(mark + self.cells.written(name) for name in std)
        return draw + mark if draw else "", after

    def _std(self, row: int) -> str:
        """The standard deviations of a row, each after a delimiter; nothing for a cell that had a value."""
        if self.fillings.std is None:
            return ""
        mark, places = self.cells.delimiter, list(self.fillings.places)
        nothing = MISSING_WORD if mark == " " else ""
        own = zip(self.fillings.std[row, places], self.fillings.missing[row, places], strict=True)
        return "".join(mark + (f"{std:.4g}" if missing else nothing) for std, missing in own)

    def _texts(self, values: Float64[np.ndarray, "N columns"]) -> dict[int, dict[str, str]]:
        """The new texts of cells, by the number of their row and the name of their column."""
        found: dict[int, dict[str, str]] = {}
        for place, column in self.columns.items():
            own = FilledColumn(column, values[:, place], self.fillings.missing[:, place])
            rows, codes = np.flatnonzero(own.missing).tolist(), own.values[own.missing].tolist()
            write = self._writer(column, self.examples[place])
            for row, code, value in zip(rows, codes, own.filled(), strict=True):
                found.setdefault(row, {})[column.name] = write(code, value)
        return found

    def _writer(self, column: Column, examples: Examples) -> Callable[[float, object], str]:
        """Writes a value, given as the model has it and as it came, like the other cells of the column."""
        example = next(iter(examples.values()), "")
        is_whole = pa.types.is_integer(self.piece.table[column.name].type)
        is_quoted = example.startswith(self.cells.quote)
        own = replace(column, written=form_of([example.strip(self.cells.quote)]))

        def write(code: float, value: object) -> str:
            if has_codes(column) and round(code) in examples:
                return examples[round(code)]
            text = plain_text(value)
            if column.format in ("time", "timestamp"):
                text = str(as_written(np.array([code]), own)[0])
            elif isinstance(value, float) and not (column.format or is_whole):
                text = repr(float(value))  # 22.0, like the others
            quoted = f"{self.cells.quote}{text}{self.cells.quote}"
            return quoted if is_quoted and self.cells.quote not in text else self.cells.written(text)

        return write

    def _examples(self) -> dict[int, Examples]:
        """How cells of the columns with gaps are written, by the place of the column."""
        x, wanted = self.piece.rows.x.all(), dict[int, list[str]]()
        first: dict[int, dict[int, int]] = {}
        for place, column in self.columns.items():
            seen = np.flatnonzero(~self.fillings.missing[:, place])
            own = x[seen, place] if has_codes(column) else np.zeros(len(seen))
            codes, places = np.unique(own, return_index=True)
            first[place] = dict(zip(map(round, codes.tolist()), seen[places].tolist(), strict=True))
            if column.pooled:  # its last category is many
                first[place].pop(len(column.categories) - 1, None)
            for row in first[place].values():
                wanted.setdefault(row, []).append(column.name)
        texts = self.cells.texts(wanted)
        return {
            place: {code: texts[row, self.columns[place].name] for code, row in rows.items()}
            for place, rows in first.items()
        }


def has_codes(column: Column) -> bool:
    """Whether a column has few different values, which are written as in another row."""
    return column.kind in ("categorical", "binary")
