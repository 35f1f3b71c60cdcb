"""Sheets of Excel: .xlsx and .xls, by python-calamine, and with what Excel computed last in cells of formulas.

A sheet is written as comma-separated text and read as such a file is, so that the same is told of its header line, of
leading zeros and of missing cells. Errors such as #N/A are missing. Line N of the text is row N of the sheet.

calamine lays out a sheet as a full grid from its first cell to its last. A few bytes can claim a cell in column XFD of
row 1,048,576, so the places of all cells are looked through before. Its panics are no `Exception`s.
"""

import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.csv_files import TextTable, text_table
from variate.data.readers.csv_text import WORDS_OF_NOTHING
from variate.data.readers.decoding import PIECE, decoding, reason
from variate.data.readers.encodings import nul_bytes
from variate.data.readers.formulas import formula_notes
from variate.data.readers.npy import archive_and_key
from variate.data.readers.originals import Original, original_of
from variate.data.readers.tables import require_columns, require_table, table_source
from variate.data.readers.zips import open_member, opened_zip
from variate.data.source import Source
from variate.data.wording import list_names
from variate.errors import InputError, did_you_mean
from variate.runtime import memory

EXPECTED, REMEDY = "an Excel file that can be read", "save it again, or as CSV"
GRID_BYTES = 120
"""Most memory per cell of the grid: calamine's, Python's, and as text."""
TAG = re.compile(rb"""<(?:\w+:)?(row|c)\b((?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)>""")
REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]*)(\d*)["']""")
LONGEST_TAG = 2**12
LONGEST_NUMBER = 16
"""Letters or digits of a place that are looked at: of more, no grid fits in any memory."""
LARGEST_WHOLE = 2.0**53


def read_excel(path: Path, options: DataOptions, schema: Schema | None) -> Source:
    """Reads the first sheet of an Excel file, or the one that FILE.xlsx:SHEET names."""
    require_table(path.name, options, schema)
    read = read_sheet(path, options, schema)
    return table_source(read.table, path.name, options, schema, read.notes)


def original_sheet(path: Path, options: DataOptions, schema: Schema) -> Original:
    """The same as it came."""
    require_table(path.name, options, schema)
    read = read_sheet(path, options, schema)
    return original_of(read.table, path.name, options, schema, read.notes)


def read_sheet(path: Path, options: DataOptions, schema: Schema | None) -> TextTable:
    """The table in a sheet, with null in missing cells.

    Raises:
        InputError: If it is no table, or the file is damaged, or python-calamine is not installed.
    """
    file, sheet = archive_and_key(path)
    rows, notes = _sheet(file, sheet)
    data = _as_text(rows)
    if b"\0" in data:
        raise nul_bytes(path.name)
    if any(isinstance(value, datetime.timedelta) for row in rows for value in row):
        notes.append("Durations were read as numbers of seconds.")
    read = text_table(data, ".csv", path, replace(options, delimiter=","), schema)
    return read._replace(notes=[*notes, *read.notes])


def _sheet(file: Path, name: str | None) -> tuple[list[list[Any]], list[str]]:
    """The cells of a sheet, and a note on the others."""
    try:
        from python_calamine import load_workbook
    except ImportError:
        remedy = "pip install 'variate[excel]', or save the sheet as CSV"
        raise InputError(file.name, "python-calamine, which reads Excel files", "none", remedy) from None
    if zipfile.is_zipfile(file):
        _require_grid(file)
    try:
        with decoding(str(file), EXPECTED, REMEDY):
            book = load_workbook(str(file))
            names = list(book.sheet_names)
            chosen = _chosen(names, name, file.name)
            rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise InputError(file.name, EXPECTED, f"a damaged one ({reason(Exception(str(error)))})", REMEDY) from None
    require_columns(max(map(len, rows), default=0), file.name)
    notes = _notes_on_formulas(file, chosen)
    others = [other for other in names if other != chosen]
    if name is not None or not others:
        return rows, notes
    said = f"Read: the first sheet, {chosen!r}; left out: {list_names([repr(other) for other in others])}. "
    return rows, [f"{said}To read another one, give {file.name}:SHEET.", *notes]


def _notes_on_formulas(file: Path, sheet: str) -> list[str]:
    """A note on the formulas of a sheet whose values were not saved."""
    if not zipfile.is_zipfile(file):
        return []
    with opened_zip(file, EXPECTED, REMEDY) as archive, decoding(str(file), EXPECTED, REMEDY):
        return formula_notes(archive, sheet)


def _chosen(names: Sequence[str], name: str | None, source: str) -> str:
    """The name of the sheet to read."""
    if not names:
        raise InputError(source, "at least one sheet", "none", "save it again")
    if name is not None and name not in names:
        expected = f"one of its sheets, {list_names([repr(known) for known in names], 10)}"
        raise InputError(source, expected, repr(name), did_you_mean(name, names))
    return names[0] if name is None else name


def _require_grid(file: Path) -> None:
    """Refuses an archive that would unpack to more than memory holds, or with cells in places too far off."""
    with opened_zip(file, EXPECTED, REMEDY) as archive, decoding(str(file), EXPECTED, REMEDY):
        members = archive.infolist()
        memory.require(4 * sum(info.file_size for info in members), file.name)
        for info in members:
            if info.filename.lower().endswith(".xml"):
                with open_member(archive, info) as stream:
                    rows, columns = _extent(stream)
                memory.require(GRID_BYTES * rows * columns, file.name, "a sheet that fits", "remove cells far off")


def _extent(stream: io.BufferedReader) -> tuple[int, int]:
    """The last row and the last column in which the XML of a sheet has a cell."""
    row = column = rows = columns = 0
    rest = b""
    while piece := stream.read(PIECE):
        text = rest + piece
        end = max(text.rfind(b"<"), 0)
        rest = text[end:][-LONGEST_TAG:]
        for tag in TAG.finditer(text, 0, end):
            reference = REFERENCE.search(tag[2])
            letters, digits = (reference[1], reference[2]) if reference else (b"", b"")
            if tag[1] == b"row":
                row, column = int(digits[:LONGEST_NUMBER]) if digits else row + 1, 0
            else:
                column = _number(letters[:LONGEST_NUMBER]) if letters else column + 1
                row = int(digits[:LONGEST_NUMBER]) if letters and digits else row
            rows, columns = max(rows, row), max(columns, column)
    return rows, columns


def _number(letters: bytes) -> int:
    """The number of a column, from 1: A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number


def _as_text(rows: Iterable[Sequence[Any]]) -> bytes:
    """The cells as comma-separated text; a row without any is an empty line."""
    lines = ([_cell(value) for value in row] for row in rows)
    return "".join(",".join(cells) + "\n" if any(cells) else "\n" for cells in lines).encode()


def _cell(value: object) -> str:
    """A value as text, by which the reader of text tells its type."""
    if isinstance(value, str):
        return "" if value in WORDS_OF_NOTHING else '"' + value.replace('"', '""') + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return repr(value.total_seconds())
    return str(value)
