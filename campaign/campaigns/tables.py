"""Tables: files of text, plain and compressed, sheets of Excel, and the bytes of Arrow and Parquet files.

Parquet files are streamed too.

What came of a text is checked against its lines: a row is a line that is not empty, less the header line unless a note
says that there is none, and unless a note speaks of cells that hold line ends, or of lines that were left out.
"""

import bz2
import datetime
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc, parquet

from campaign import reading
from campaign.absurd import LONG_TEXT
from campaign.base import Campaign, Case, End, Fault
from campaign.spoil import flip, number, overwrite, spoiled
from variate.config.recipe import DataOptions

ROWS, MANY_ROWS = 40, 5_000_000
CELLS = (
    "", "NA", "NULL", "nan", "NaN", "inf", "-inf", "1e400", "1e308", "1e200", "-0", "1_000", "1,5", "1.000,5", "0x10",
    "2**70", str(2**63), str(10**30), "1.2.3", "\u0661\u0662", "true", "FALSE", "2024-01-01", "2024-01-01T00:00:00Z",
    " ", "'", '"', '""', '"x', 'x"', '"a,b"', '"a\nb"', "#", "=1+1", "\x00", "\x1b[31m", "\u202e", "\ufeff", "\u2028",
    "\x85", "\\", "\\N", "None", "-", "?", "1 ", " 1", "+1", "1e", "x" * 5_000,
)  # fmt: skip
NAMES = ("", " ", "a", "x0", "\x1b[31m", "a\x00", "\u00e9", "1", "nan", "x" * 300, '"a"', "\u202e", "a,b", "label")
ENCODINGS = (
    "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "utf-8-sig", "utf-7", "shift-jis", "cp1250",
    "cp1251", "mac-roman", "cp850", "gb18030", "big5", "euc-kr", "koi8-r",
)  # fmt: skip
LINE_ENDS = ("\r\n", "\r", "\n\n", "\r\r\n", "\n\r", "\x0b", "\x0c", "\x85", "\u2028", "\0", "", " \n")
DELIMITERS = (";", "\t", "|", ",,", " ", "   ", ":", "\x01", ", ", " ; ", " \t", "")
SUFFIXES = (".csv", ".csv", ".csv", ".tsv", ".tab", ".psv", ".txt", ".data", ".dat")
USUAL = {".tsv": "\t", ".tab": "\t", ".psv": "|", ".data": " "}
BEFORE = (
    "sep=;\n",
    "sep=,\n",
    "sep=\n",
    "# made in 2020\n",
    "#\n\n",
    "# a,b,c\n",
    "#a,b\n",
    "\n\n",
    " \n",
    "\ufeff#x\n",
)
"""What may stand above the first line."""
COMPRESSION = ("none", "snappy", "gzip", "zstd", "brotli", "lz4")


def columns(rows: int = ROWS) -> dict[str, list[Any]]:
    """A table with a column of each kind."""
    rng = np.random.default_rng(0)
    return {
        "height": [round(v, 3) for v in rng.normal(170, 10, rows).tolist()],
        "member": rng.integers(0, 2, rows).tolist(),
        "visits": rng.poisson(4, rows).tolist(),
        "city": [("Bern", "Oslo", "Rome", "S\u00e3o Paulo")[i] for i in rng.integers(0, 4, rows)],
        "open": [bool(v) for v in rng.integers(0, 2, rows)],
    }


def good_texts() -> dict[str, list[list[str]]]:
    """Tables as cells, the header first, by name."""
    mixed = columns()
    numbers = np.random.default_rng(1).normal(size=(ROWS, 3))
    return {
        "mixed": [list(mixed), *([str(cell) for cell in row] for row in zip(*mixed.values(), strict=True))],
        "numbers": [["a", "b", "c"], *([f"{v:.4f}" for v in row] for row in numbers)],
        "one column": [["a"], *([f"{v:.4f}"] for v in numbers[:, 0])],
        "line ends": [["a", "b"], *([f"{v:.2f}", '"low\nor less"' if v < 0 else "high"] for v in numbers[:, 0])],
        "quotes": [["a", "b"], *([f"{v:.2f}", '"say ""no"""' if v < 0 else '"a, b"'] for v in numbers[:, 0])],
    }


def changed_cells(random: Random, cells: list[list[str]]) -> str:
    """Changes some cells in place: odd ones, rows that are longer or shorter, names twice. Returns what was done."""
    way, row = random.randrange(9), random.randrange(1, len(cells))
    column = random.randrange(len(cells[0]))
    if way in (0, 1, 2):
        odd = random.choice(CELLS)
        for line in cells[1:] if random.random() < 0.2 else [cells[row]]:
            line[column] = odd
        return f"cell {odd[:40]!r} in row {row}"
    if way == 3:
        cells[0][column] = random.choice(NAMES)
        return f"name {cells[0][column][:40]!r}"
    if way == 4:
        cells[0][column] = cells[0][0]
        return "a name twice"
    if way == 5:
        cells[row] = cells[row][: random.randrange(len(cells[row]))] if random.random() < 0.5 else [*cells[row], "1"]
        return f"row {row} of another length"
    if way == 6:
        cells[row : row + 1] = [[""], cells[row]]
        return "an empty line"
    if way == 7:
        del cells[random.choice((0, slice(1, None), slice(2, None), slice(0, None), slice(row, None)))]
        return "lines left out"
    cells[row][column] = "x" * LONG_TEXT
    return "a huge cell"


def table_text(random: Random, cells: list[list[str]], suffix: str) -> tuple[str, str]:
    """The cells as text, with another delimiter or other line ends in one of five cases."""
    usual = USUAL.get(suffix, ",")
    delimiter = random.choice(DELIMITERS) if random.random() < 0.1 else usual
    end = random.choice(LINE_ENDS) if random.random() < 0.1 else "\n"
    quoted = random.random() < 0.2
    mark = "'" if quoted and random.random() < 0.2 else '"'
    lines = [delimiter.join(f"{mark}{c}{mark}" if quoted and '"' not in c else c for c in line) for line in cells]
    return end.join(lines) + random.choice(
        (end, end, "")
    ), f"delimiter {delimiter!r}, line end {end!r}, quoted {quoted}"


def changed_text(random: Random, text: str) -> tuple[str, str]:
    """The text with a character put in, taken out or exchanged at some places."""
    odd, way = (
        random.choice(('"', '"', '"', "\n", "\r", ",", ";", "\t", "\x00", "'", "\\", " ", "\ufeff")),
        random.randrange(4),
    )
    if random.random() < 0.2:
        text = random.choice(BEFORE) + text
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(text) + 1)
        text = text[:at] + (odd if way < 3 else "") + text[at + (way > 0) :]
    if random.random() < 0.1:
        text = text[: random.randrange(len(text) + 1)]
    return text, f"{odd!r} way {way}"


def lines_of(content: bytes) -> int | None:
    """Number of lines that hold more than blanks; None where the bytes are no plain text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\x00" in text:
        return None
    return sum(line.strip(" ") != "" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def zstd(content: bytes) -> bytes:
    """Compressed by zstd."""
    made = pa.BufferOutputStream()
    with pa.CompressedOutputStream(made, "zstd") as stream:
        stream.write(content)
    found: bytes = made.getvalue().to_pybytes()
    return found


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd, ".zip": bytes,
}  # fmt: skip


def packed(content: bytes, packing: str, suffix: str) -> bytes:
    """The content compressed as an ending says, or in an archive; as it is where there is none."""
    if packing != ".zip":
        return PACKED[packing](content) if packing else content
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"table{suffix}", content)
    return made.getvalue()


def text_options(random: Random) -> dict[str, Any]:
    """Options of how a text is read, in one of ten cases each."""
    found: dict[str, Any] = {}
    if random.random() < 0.1:
        found["header"] = random.random() < 0.5
    if random.random() < 0.1:
        found["delimiter"] = random.choice((",", ";", "tab", "blanks", "|", ":", "."))
    if random.random() < 0.1:
        found["encoding"] = random.choice(("utf-8", "cp1252", "utf-16", "ascii", "rot13", "nonsense", "utf-7", "idna"))
    return found


SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
PLACES = ("A1", "XFD1048576", "ZZZ9999999", "A0", "1", "", "B2", "a3", "AAAAAAAA1", "A99999999999999999999")
"""Where a cell may claim to be."""


def sheet_xml(random: Random, cells: list[list[str]]) -> tuple[str, str]:
    """A sheet as XML, some of its cells odd, and what was done."""
    rows, what = [], "good"
    odd = (random.randrange(len(cells)), random.randrange(len(cells[0]))) if random.random() < 0.7 else (-1, -1)
    for place_of_row, line in enumerate(cells):
        row = ""
        for column, cell in enumerate(line):
            place, kind, value = f"{'ABCDEFGH'[column]}{place_of_row + 1}", "str", f"<v>{cell}</v>"
            if (place_of_row, column) == odd:
                place = random.choice((place, random.choice(PLACES)))
                kind = random.choice(("str", "n", "b", "e", "s", "d", "inlineStr", "x"))
                value = random.choice(
                    (f"<v>{random.choice(('1', '-1', '1e400', '99999999', '#N/A', 'x'))}</v>", "", "<v>")
                )
                what = f"{kind} {value} at {place!r}"
            row += f'<c r="{place}" t="{kind}">{value}</c>'
        rows.append(f'<row r="{place_of_row + 1}">{row}</row>')
    return f'<worksheet xmlns="{SHEET}"><sheetData>{"".join(rows)}</sheetData></worksheet>', what


def workbook(sheet: str) -> bytes:
    """An Excel file with one sheet."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a" Type="{RELATIONS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{SHEET}" xmlns:r="{RELATIONS}"><sheets><sheet name="S" sheetId="1" r:id="b"/></sheets>'
            "</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="b" Type="{RELATIONS}/worksheet" '
            'Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    return made.getvalue()


def arrow_columns(rows: int) -> dict[str, pa.Array]:
    """A column of each type that Parquet has."""
    rng, day = np.random.default_rng(2), datetime.date(2024, 1, 1)
    whole, real = rng.integers(0, 100, rows), rng.normal(size=rows)
    words = [("a", "b", "\u00e9")[i] for i in rng.integers(0, 3, rows)]
    found = {kind: pa.array(whole.astype(kind)) for kind in ("int8", "int16", "int32", "int64", "uint8", "uint64")}
    found |= {kind: pa.array(real.astype(kind)) for kind in ("float16", "float32", "float64")}
    found |= {"bool": pa.array(whole % 2 == 0), "text": pa.array(words), "words": pa.array(words).dictionary_encode()}
    found["gaps"] = pa.array([None if v < -1 else float(v) for v in real])
    found["days"] = pa.array([day + datetime.timedelta(int(v)) for v in whole])
    found["times"] = pa.array(whole, pa.int64()).cast(pa.timestamp("us"))
    found["decimals"] = pa.array(whole, pa.int64()).cast(pa.decimal128(25, 2))
    found["lists"] = pa.array([[float(v)] for v in real])
    found["records"] = pa.array([{"a": float(v)} for v in real])
    found["bytes"] = pa.array([word.encode() for word in words])
    found["nothing"] = pa.nulls(rows)
    return found


NUMBERS = ("int32", "float64", "bool", "text", "words", "uint8", "float32")
"""Columns that are read; the others are for files that are refused."""


def parquet_bytes(random: Random, names: list[str], rows: int = ROWS) -> bytes:
    """A Parquet file of some columns, written in one of many ways."""
    made, all_columns = io.BytesIO(), arrow_columns(rows)
    parquet.write_table(
        pa.table({name: all_columns[name] for name in names}),
        made,
        row_group_size=random.choice((7, 20, ROWS)),
        compression=random.choice(COMPRESSION),
        use_dictionary=random.random() < 0.5,
        data_page_version=random.choice(("1.0", "2.0")),
        write_statistics=random.random() < 0.5,
        data_page_size=random.choice((64, 2**20)),
        store_schema=random.random() < 0.8,
    )
    return made.getvalue()


def changed_footer(random: Random, data: bytes) -> tuple[bytes, str]:
    """A Parquet file with its footer spoiled, or the footer's length."""
    if len(data) < 12:
        return data, "short"
    length = int.from_bytes(data[-8:-4], "little")
    body, footer = data[: -8 - length], data[-8 - length : -8]
    way = random.randrange(4)
    if way == 0:
        said = random.choice((0, 1, length - 1, length + 1, 2**31 - 1, 2**32 - 1, len(data)))
        return data[:-8] + said.to_bytes(4, "little") + data[-4:], f"footer of {said}"
    if way == 1:
        return data[:-4] + random.choice((b"PARE", b"PAR0", b"\0\0\0\0")), "magic"
    for _ in range(random.choice((1, 1, 3))):
        at = random.randrange(max(1, len(footer)))  # one that was cut short before may be empty
        if way == 2:
            footer = footer[:at] + bytes([random.choice((0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF))]) + footer[at + 1 :]
        else:
            footer, _ = spoiled(random, footer)
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1", f"footer way {way}"


def spoiled_parquet(random: Random, data: bytes) -> tuple[bytes, str]:
    """A Parquet file that is spoiled in one way."""
    way = random.randrange(6)
    if way < 2:
        return changed_footer(random, data)
    if way == 2 or len(data) < 12:
        return spoiled(random, data)
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    changed = random.choice((flip, flip, overwrite, number))(random, data[:end])
    return changed[:end].ljust(end, b"\0") + data[end:], "pages"


class Tables(Campaign):
    """Tables of text, sheets of Excel, Arrow and Parquet files."""

    name, long, short = "tables", 10_000, 200

    def prepare(self, folder: Path) -> None:
        """Reads a good file of each format."""
        self.texts = good_texts()
        header, line = ",".join(f"c{i}" for i in range(200_000)), ",".join(["1"] * 200_000)
        self.wide = f"{header}\n{line}\n{line}\n".encode()
        made = io.BytesIO()
        parquet.write_table(pa.table({"a": pa.array(np.ones(MANY_ROWS)), "b": pa.array(np.zeros(MANY_ROWS))}), made)
        self.many = made.getvalue()
        text, _ = table_text(Random(1), self.texts["mixed"], ".csv")
        (folder / "good.csv").write_text(text)
        (folder / "good.parquet").write_bytes(parquet_bytes(Random(0), list(NUMBERS)))
        for name in ("good.csv", "good.parquet"):
            reading.read_good(folder / name)

    def make(self, random: Random, folder: Path) -> Case:
        """A file, or a folder of Parquet files, of which one is spoiled."""
        ways: tuple[Callable[[Random, Path], tuple[Path, str, int | None]], ...] = (
            self.text,
            self.parquet,
            self.shards,
            self.arrow,
            self.excel,
        )
        path, what, expected = random.choices((*ways, self.columns, self.rows), (12, 7, 1, 2, 2, 0.02, 0.02))[0](
            random, folder
        )
        options: dict[str, Any] = {}
        if random.random() < 0.1:
            options["columns"] = (
                (random.choice(("height", "a", "int32", "nothing")), random.choice(("real", "categorical"))),
            )
        if random.random() < 0.05:
            options["drop"] = (random.choice(("city", "b", "text", "nothing", "")),)
        if path.suffix not in (".parquet", ".feather", ".arrow", ".xlsx") and path.is_file():
            options |= text_options(random)
        names = (path.name, *(file.name for file in folder.rglob("*")))
        return Case(what, path, names, reading.again(path, options), (options, expected))

    def attempt(self, case: Case) -> End:
        """Reads it into memory, and Parquet streamed too; counts the rows of a text."""
        options, expected = case.own
        assert case.target
        if case.target.suffix not in (".parquet", ".feather", ".arrow", ".xlsx") and case.target.is_file():
            found = reading.read(case.target, DataOptions(**options), case.names)
            if found is not None and expected is not None and not line_ends(found.notes):
                has_header = options.get("header", not any("looks like data" in note for note in found.notes))
                if len(found.rows) != expected - has_header:
                    raise Fault(f"{expected} lines became {len(found.rows)} rows, and no note says why: {found.notes}")
            return "sentence" if found is None else "result"
        if case.target.suffix != ".parquet" and case.target.is_file():
            return "sentence" if reading.read(case.target, DataOptions(**options), case.names) is None else "result"
        return reading.read_both_ways(case.target, options, case.names)

    def text(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A table of text."""
        key, suffix = random.choice(list(self.texts)), random.choice(SUFFIXES)
        cells, changes = [list(line) for line in self.texts[key]], [key]
        if random.random() < 0.15:
            cells, changes = cells[1:], [key, "without a header"]
        if random.random() < 0.5:
            changes.append(changed_cells(random, cells))
        text, how = table_text(random, cells, suffix)
        changes.append(how)
        if random.random() < 0.4:
            text, how = changed_text(random, text)
            changes.append(how)
        encoding = random.choice(ENCODINGS) if random.random() < 0.15 else "utf-8"
        content = text.encode(encoding, "replace")
        if random.random() < 0.1:
            content, how = spoiled(random, content)
            changes.append(how)
        expected, packing = lines_of(content), random.choice(list(PACKED)) if random.random() < 0.2 else ""
        path = folder / (f"table{suffix}{packing}" if packing != ".zip" else "table.zip")
        content = packed(content, packing, suffix)
        if packing and random.random() < 0.5:
            content, how = spoiled(random, content)
            expected = None
            changes.append(f"packed and then {how}")
        path.write_bytes(content)
        return path, f"{suffix}{packing}: {', '.join(changes)}, {encoding}", expected

    def arrow(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A Feather file, or a stream of Arrow's."""
        names = random.sample(NUMBERS, random.randint(1, len(NUMBERS)))
        made, table = io.BytesIO(), pa.table({name: arrow_columns(ROWS)[name] for name in names})
        options = ipc.IpcWriteOptions(compression=random.choice((None, "lz4", "zstd")))
        is_file = random.random() < 0.7
        with (ipc.new_file if is_file else ipc.new_stream)(made, table.schema, options=options) as writer:
            writer.write_table(table, random.choice((7, ROWS)))
        content, what = spoiled(random, made.getvalue())
        path = folder / f"table{random.choice(('.feather', '.arrow'))}"
        path.write_bytes(content)
        return path, f"arrow of {', '.join(names)}: {what}", None

    def excel(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A sheet of Excel with cells that are odd, or a file that is spoiled."""
        sheet, what = sheet_xml(random, self.texts["mixed"])
        content = workbook(sheet)
        if random.random() < 0.5:
            content, how = spoiled(random, content)
            what += f", {how}"
        path = folder / "table.xlsx"
        path.write_bytes(content)
        return path, f"excel: {what}", None

    def parquet(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A Parquet file."""
        names = random.sample(NUMBERS, random.randint(1, len(NUMBERS)))
        if random.random() < 0.2:
            names.append(random.choice([name for name in arrow_columns(1) if name not in names]))
        content, what = parquet_bytes(random, names, random.choice((0, 1, 2, ROWS, ROWS, ROWS))), "good"
        if random.random() < 0.9:
            content, what = spoiled_parquet(random, content)
        path = folder / "table.parquet"
        path.write_bytes(content)
        return path, f"parquet of {', '.join(names)}: {what}", None

    def shards(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A folder of Parquet files, one of which is spoiled or of another table."""
        inside = folder / "shards"
        inside.mkdir()
        for shard in range(3):
            (inside / f"part-{shard}.parquet").write_bytes(parquet_bytes(random, ["int32", "text"]))
        content, what = (
            parquet_bytes(random, random.choice((["int32"], ["text", "int32"], ["int64", "text"]))),
            "another table",
        )
        if random.random() < 0.6:
            content, what = spoiled_parquet(random, parquet_bytes(random, ["int32", "text"]))
        name = random.choice(("part-0.parquet", "part-1.parquet", "part-3.pq"))
        (inside / name).write_bytes(content)
        return inside, f"folder with {name}: {what}", None

    def rows(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A small file of very many rows, all alike."""
        path = folder / "many.parquet"
        path.write_bytes(self.many)
        return path, f"{MANY_ROWS:,} rows", None

    def decoded(self, case: Case) -> int:
        """Bytes of the file; of the one of very many rows, of its two columns."""
        return 16 * MANY_ROWS if case.target and case.target.name == "many.parquet" else super().decoded(case)

    def columns(self, random: Random, folder: Path) -> tuple[Path, str, int | None]:
        """A table of very many columns."""
        path = folder / random.choice(("wide.csv", "wide.tsv"))
        path.write_bytes(self.wide if path.suffix == ".csv" else self.wide.replace(b",", b"\t"))
        return path, "200,000 columns", 3


def line_ends(notes: tuple[str, ...]) -> bool:
    """Whether a note speaks of cells that hold line ends, or of lines that are no rows."""
    return any(
        "line" in note and "The first line looks" not in note and "taken for names" not in note for note in notes
    )
