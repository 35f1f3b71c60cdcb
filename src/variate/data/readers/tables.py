"""CSV, TSV and Parquet as rows of columns."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv

from variate.config.recipe import DataOptions, Schema
from variate.data.readers.parquet import RowGroups, first_line
from variate.data.readers.shards import TABLES as PARQUET
from variate.data.rows import Rows
from variate.data.schema.columns import advice, conformed, described, is_textual
from variate.data.schema.profiles import Raw, profile
from variate.data.wording import listing, plural
from variate.errors import InputError, did_you_mean
from variate.runtime import memory

DELIMITERS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*DELIMITERS, *PARQUET)
LARGEST_BLOCK = 2**31 - 1
"""Bytes in which pyarrow looks for a column's type: a whole file, if it may."""


def read_table(path: Path, options: DataOptions, schema: Schema | None) -> Rows:
    """Reads a table, float64 (N, columns); categories as codes 0 .. K-1.

    Args:
        path: A file with one of `SUFFIXES`, or a folder of Parquet files.
        options: `columns` and `drop` are used.
        schema: Of a model: its columns are read by name, in its order and with its kinds and categories.

    Raises:
        InputError: If the file is no table, or holds what no column may.
    """
    if schema is not None:
        return read_for_model(path, options, schema)
    refuse_kind(path, options)
    table, told = load(path, textual=())
    name = path.name
    table = table.select(kept_columns(table.column_names, options, name))
    asked = dict(options.columns)
    raws = raw_columns(table, name)
    refuse_one_text(raws, name)
    found = [profile(raw, every=asked.get(raw.name) == "categorical") for raw in raws]
    columns = tuple(described(column, asked.get(column.name), name) for column in found)
    values = [conformed(raw, column, name) for raw, column in zip(raws, columns, strict=True)]
    told += advice(found, columns, asked)
    return Rows(np.stack(values, axis=1), Schema("table", (len(columns),), columns=columns), tuple(told), name)


def read_for_model(path: Path, options: DataOptions, schema: Schema) -> Rows:
    """Reads the columns of a model's table; others are left out."""
    name = path.name
    refuse_other_schema(path, schema)
    table, told = load(path, textual=[column.name for column in schema.columns if is_textual(column)])
    told += extra_columns(table.column_names, options, schema, name)
    raws = raw_columns(table.select([column.name for column in schema.columns]), name)
    values = [conformed(raw, column, name) for raw, column in zip(raws, schema.columns, strict=True)]
    return Rows(np.stack(values, axis=1), schema, tuple(told), name)


def refuse_kind(path: Path, options: DataOptions) -> None:
    """A table is of no one kind."""
    if options.kind not in (None, "table"):
        raise InputError(f"{path} is a table, whose columns have a kind each, not {options.kind}; see --columns")


def refuse_other_schema(path: Path, schema: Schema) -> None:
    """A model of arrays or images takes no table."""
    if schema.kind != "table":
        raise InputError(f"{path} is a table, but the model takes {schema.kind} rows of shape {schema.shape}")


def kept_columns(names: Sequence[str], options: DataOptions, source: str) -> list[str]:
    """The names of the columns that are not dropped, once the options name none that is not there."""
    refuse_unknown(options.drop, names, "--drop", source)
    kept = [name for name in names if name not in options.drop]
    if not kept:
        raise InputError(f"--drop names every column of {source}; leave at least one")
    refuse_unknown(dict(options.columns), kept, "--columns", source)
    return kept


def extra_columns(names: Sequence[str], options: DataOptions, schema: Schema, source: str) -> list[str]:
    """What to say of the columns that a model does not know, once it has those that it needs."""
    needed = [column.name for column in schema.columns]
    taken = sorted(set(needed) & set(options.drop))
    if taken:
        raise InputError(f"--drop names {listing(taken)}, which the model needs; leave it in")
    missing = [column for column in needed if column not in names]
    if missing:
        raise InputError(
            f"{source} lacks {plural(len(missing), 'column')} that the model needs: {listing(missing)}"
            f"{did_you_mean(missing[0], names)}"
        )
    extra = [column for column in names if column not in needed]
    if not extra:
        return []
    return [f"{plural(len(extra), 'column')} that the model does not know were left out: {listing(extra)}."]


def load(path: Path, textual: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """The file as a table, and what was done to read it.

    Args:
        path: The file, or a folder of Parquet files.
        textual: Columns that are text even where every cell is a number.
    """
    if path.is_dir() or path.suffix.lower() in PARQUET:
        table, told = load_parquet(path)
    else:
        table, told = load_csv(path, textual)
    refuse_twice(table.column_names, path.name)
    if not table.num_rows:
        raise InputError(f"{path.name} has {plural(table.num_columns, 'column')} and no rows; give at least one row")
    return table, told


def refuse_twice(names: Sequence[str], source: str) -> None:
    """Two columns of one name cannot be told apart."""
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise InputError(f"{source} has more than one column {listing([repr(n) for n in twice])}; rename them")


def load_parquet(path: Path) -> tuple[pa.Table, list[str]]:
    """A Parquet file, or all those of a folder, if they fit in memory."""
    groups = RowGroups(path)
    memory.require(groups.packed_size, path.name)
    return pa.concat_tables([groups.read_file(file) for file in groups.files]), groups.notes


def load_csv(path: Path, textual: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """A CSV or TSV file with a header line."""
    delimiter, told = delimiter_of(path)
    try:
        table = parse_csv(path, delimiter, textual)
        names = table.column_names
    except pa.ArrowInvalid as error:
        raise InputError(csv_trouble(path, delimiter, first_line(error))) from None
    except UnicodeDecodeError:
        raise InputError(f"the header line of {path.name} is no UTF-8 text; save the file as UTF-8") from None
    refuse_no_header(names, path.name)
    return table, told


def delimiter_of(path: Path) -> tuple[str, list[str]]:
    """The delimiter by the file's ending, or a semicolon where the header has that instead of commas."""
    with path.open("rb") as stream:
        header = stream.readline(2**20)
    if path.suffix.lower() == ".csv" and b"," not in header and b";" in header:
        return ";", ["The header line has semicolons and no commas, so semicolons were taken to part the cells."]
    return DELIMITERS[path.suffix.lower()], []


def parse_csv(path: Path, delimiter: str, textual: Sequence[str]) -> pa.Table:
    """Parses in one block, so that a column's type is told from all its cells."""
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


def csv_trouble(path: Path, delimiter: str, error: str) -> str:
    """A sentence for a CSV file that cannot be parsed, with the number of the line that is to blame."""
    if not path.stat().st_size:
        return f"{path} is empty; give a table with a header line"
    line, cells, expected = ragged_line(path, delimiter)
    if not line:
        return f"{path} cannot be read as a table ({error}); save it again as UTF-8 text"
    return f"line {line} of {path} has {plural(cells, 'cell')}, but the header line has {expected}; mend that line"


def ragged_line(path: Path, delimiter: str) -> tuple[int, int, int]:
    """The first line whose number of cells is not the header's: its number, its cells and the header's, or zeros."""
    with path.open(newline="", encoding="utf-8", errors="replace") as stream, suppress(csv.Error):
        reader = csv.reader(stream, delimiter=delimiter)
        expected = len(next(reader, ()))
        for cells in reader:
            if cells and len(cells) != expected:
                return reader.line_num, len(cells), expected
    return 0, 0, 0


def refuse_no_header(names: Sequence[str], source: str) -> None:
    """A first line of numbers is data, not names."""
    if all(is_number(name) for name in names):
        raise InputError(f"the first line of {source} holds numbers; put a line with the columns' names above it")


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def refuse_unknown(names: Iterable[str], known: Sequence[str], option: str, source: str) -> None:
    """An option that names a column which is not there would be ignored."""
    for name in names:
        if name not in known:
            raise InputError(f"{option} names {name!r}, which is no column of {source}{did_you_mean(name, known)}")


def refuse_one_text(raws: Sequence[Raw], source: str) -> None:
    """One column of text has nothing to be modelled with."""
    if len(raws) == 1 and raws[0].words is not None:
        raise InputError(
            f"{source} has one column, {raws[0].name!r}, and it is text, which is not a table; "
            "give a column of numbers or at least two columns"
        )


def raw_columns(table: pa.Table, source: str) -> list[Raw]:
    """All columns as numbers.

    Raises:
        InputError: If cells are missing, or a type has no likelihood.
    """
    memory.require(8 * table.num_rows * table.num_columns, source)
    refuse_missing(table, source)
    return [raw_column(name, table[name], source) for name in table.column_names]


def refuse_missing(table: pa.Table, source: str) -> None:
    """Missing cells are named, all columns together."""
    counts = {name: missing(table[name]) for name in table.column_names}
    gaps = [f"{name} ({number:,})" for name, number in counts.items() if number]
    if gaps:
        raise InputError(
            f"{source} has missing cells in {plural(len(gaps), 'column')} of its {table.num_rows:,} rows: "
            f"{listing(gaps, 10)}; fill them, leave out those rows, or those columns with --drop"
        )


def missing(column: pa.ChunkedArray) -> int:
    """How many cells are null or NaN."""
    gaps = compute.sum(compute.is_null(column, nan_is_null=pa.types.is_floating(column.type))).as_py()
    return int(gaps or 0)


def raw_column(name: str, column: pa.ChunkedArray, source: str) -> Raw:
    """One column as numbers."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if is_text(kind):
        return text_column(name, column)
    if pa.types.is_boolean(kind) or is_numeric(kind):
        return Raw(name, as_numbers(name, column, source))
    trouble = "dates or times" if pa.types.is_temporal(kind) else f"values of type {kind}"
    if pa.types.is_binary(kind):
        trouble = "bytes that are no UTF-8 text"
    raise InputError(
        f"column {name!r} of {source} holds {trouble}, which have no likelihood here; "
        f"turn it into numbers, or leave it out with --drop {name!r}"
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a type is numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def text_column(name: str, column: pa.ChunkedArray) -> Raw:
    """Text as positions among its different values."""
    encoded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
    return Raw(name, encoded.indices.to_numpy().astype(np.float64), tuple(encoded.dictionary.to_pylist()))


def as_numbers(name: str, column: pa.ChunkedArray, source: str) -> np.ndarray:
    """A column as float64, if that is exact enough."""
    try:
        numbers = column.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        raise InputError(
            f"column {name!r} of {source} holds whole numbers beyond 2^53, more likely an identifier than a quantity; "
            f"leave it out with --drop {name!r}"
        ) from None
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise InputError(f"column {name!r} of {source} holds infinity in {plural(infinite, 'row')}; mend those cells")
    return np.array(numbers)
