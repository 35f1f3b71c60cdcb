"""CSV and TSV files with a header line.

The delimiter follows from the ending: .csv commas (or semicolons, where the header line has those and no commas), .tsv
tabs. The text is UTF-8. A file is parsed in one block, so that the type of a column is told from all of its cells: an
empty cell, NA, NULL or nan is missing unless it is quoted.
"""

import csv
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.tables import require_table, table_source
from variate.data.schema.columns import is_textual
from variate.data.source import Source
from variate.data.storage.row_groups import first_line
from variate.data.wording import plural
from variate.errors import InputError

CSV_DELIMITERS = {".csv": ",", ".tsv": "\t"}
LARGEST_BLOCK = 2**31 - 1
"""Largest number of bytes that pyarrow parses at once."""


def read_csv(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads a CSV or TSV file."""
    require_table(path.name, options, schema)
    textual = [column.name for column in schema.columns if is_textual(column)] if schema is not None else []
    delimiter, notes = _delimiter_of(path)
    try:
        table = _parse(path, delimiter, textual)
        names = table.column_names
    except pa.ArrowInvalid as error:
        raise _trouble(path, delimiter, first_line(error)) from None
    except UnicodeDecodeError:
        got = "a header line that is not UTF-8"
        raise InputError(path.name, "UTF-8 text", got, "save the file as UTF-8") from None
    _require_header(names, path.name)
    return table_source(table, path.name, options, schema, notes)


def _delimiter_of(path: Path) -> tuple[str, list[str]]:
    """The delimiter, and a note where it is not the usual one."""
    with path.open("rb") as stream:
        header = stream.readline(2**20)
    if path.suffix.lower() == ".csv" and b"," not in header and b";" in header:
        return ";", ["The header line has semicolons and no commas, so semicolons were taken to separate the cells."]
    return CSV_DELIMITERS[path.suffix.lower()], []


def _parse(path: Path, delimiter: str, textual: Sequence[str]) -> pa.Table:
    """The file as a table.

    Args:
        path: The file.
        delimiter: What separates the cells.
        textual: Columns that are text even if every cell looks like a number.
    """
    return arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=min(max(path.stat().st_size + 1, 2**16), LARGEST_BLOCK)),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types={name: pa.string() for name in textual},
        ),
    )


def _trouble(path: Path, delimiter: str, error: str) -> InputError:
    """The error for a file that cannot be parsed, with the number of the line that is to blame."""
    if not path.stat().st_size:
        return InputError(path.name, "a table with a header line", "an empty file", "give a file that holds rows")
    line, cells, expected = _ragged_line(path, delimiter)
    if not line:
        return InputError(
            str(path), "a table of text", f"one that cannot be parsed ({error})", "save it again as UTF-8"
        )
    argument = f"line {line} of {path}"
    return InputError(argument, f"{plural(expected, 'cell')}, as in the header line", str(cells), "correct that line")


def _ragged_line(path: Path, delimiter: str) -> tuple[int, int, int]:
    """The first line with another number of cells than the header: its number, its cells, the header's; or zeros."""
    with path.open(newline="", encoding="utf-8", errors="replace") as stream, suppress(csv.Error):
        reader = csv.reader(stream, delimiter=delimiter)
        expected = len(next(reader, ()))
        for cells in reader:
            if cells and len(cells) != expected:
                return reader.line_num, len(cells), expected
    return 0, 0, 0


def _require_header(names: Sequence[str], source: str) -> None:
    """Refuses a first line of numbers: it is data, not names."""
    if all(_is_number(name) for name in names):
        got = "a first line of numbers"
        raise InputError(source, "a header line with the names of the columns", got, "put one above the first line")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
