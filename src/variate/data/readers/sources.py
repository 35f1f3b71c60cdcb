"""Which reader a source is read by.

A source is the name of a built-in data set, a path, or a table in memory. The first entry of `READERS` that takes the
path reads it; tables in memory have a reader of their own.

To add a reader for a format, write one module and add one line here:

1. `readers/NAME.py` with `read_NAME(path, options, schema) -> Source`. It reads the path (`variate.data.source.Source`
   says what comes out), takes `schema` as what a model expects, and raises `InputError` about content that cannot be
   used. Arrays go through `array_sources.array_source`, tables through `tables.table_source`; these tell the kinds, and
   fit the rows to a model.
2. A line of `READERS`: what the reader takes (`has_suffix`, or any test of a path), where the function is, which of the
   options it uses, and how to call the format in a message. The module is imported only when it is needed, so it may
   import what is slow to load.

A built-in data set is a function in `builtin.py` and an entry of its table `BUILTIN`.
"""

import importlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.conversion import Frame, is_frame
from variate.data.readers import idx, npy, unpacking
from variate.data.readers.builtin import BUILTIN, BUILTIN_TABLES
from variate.data.readers.folders import odd_kind
from variate.data.readers.shards import NPY_SUFFIXES, PARQUET_SUFFIXES, is_file_or_shards
from variate.data.source import Source
from variate.data.wording import told
from variate.errors import InputError, Option, Sentence, did_you_mean
from variate.limits import checked_arguments
from variate.runtime import memory

if TYPE_CHECKING:
    from variate.data.readers.originals import Original

ReadFunction = Callable[[Path, DataOptions, Schema | None], Source]
OriginalFunction = Callable[[Path, DataOptions, Schema], "Original"]

SPECIAL_OPTIONS = {
    "size": "a folder or .zip of images",
    "mode": "a folder or .zip of images",
    "mask_folder": "a folder or .zip of images",
    "transparency": "a folder or .zip of images",
    "columns": "a table",
    "formats": "a table",
    "drop": "a table",
    "missing": "a table",
    "delimiter": "a table of text",
    "header": "a table of text",
    "encoding": "a table of text",
    "split_by": "a table",
    "split_time": "a table",
    "condition": "a table, or images or arrays with labels",
    "labels": "a table, or images or arrays with labels",
    "weight": "a table, or an .npz archive",
    "stream": "a table of text, or .npy or .parquet files",
}
"""Options that only some readers use, and what they are for."""
IN_MEMORY = "a table in memory"
LABEL_OPTIONS = ("condition", "labels")
IMAGE_OPTIONS = ("size", "mode", "mask_folder", "transparency", *LABEL_OPTIONS)
TABLE_OPTIONS = ("columns", "formats", "drop", "missing", "split_by", "split_time", "weight", *LABEL_OPTIONS)
TEXT_OPTIONS = (*TABLE_OPTIONS, "delimiter", "header", "encoding", "stream")


class Reader(NamedTuple):
    """One line of the table of readers.

    Attributes:
        takes: Whether the reader is for a path that exists.
        home: The module in `variate.data.readers` and the function that reads, as MODULE.FUNCTION.
        uses: Names of the options in `SPECIAL_OPTIONS` that it uses.
        format: What it reads, for a message; empty where another line says it.
        original: The function of the same module that gives a table as it came; empty where there are no tables.
    """

    takes: Callable[[Path], bool]
    home: str
    uses: tuple[str, ...] = ()
    format: str = ""
    original: str = ""

    def load(self) -> ReadFunction:
        """The function that reads."""
        module, function = self.home.split(".")
        return self._function(module, function)

    def load_original(self) -> OriginalFunction:
        """The function that gives a table as it came."""
        return self._function(self.home.split(".")[0], self.original)

    def _function(self, module: str, name: str) -> Any:  # noqa: ANN401
        return getattr(importlib.import_module(f"variate.data.readers.{module}"), name)


def has_suffix(*suffixes: str) -> Callable[[Path], bool]:
    """A test of a path: whether it is a file with one of these endings."""
    return lambda path: path.suffix.lower() in suffixes and not path.is_dir()


def is_excel(path: Path) -> bool:
    """A test of a path: whether it is an Excel file, or FILE.xlsx:SHEET."""
    return has_suffix(".xlsx", ".xls")(npy.archive_and_key(path)[0])


TEXT_FORMATS = ".csv .tsv .tab .psv .txt .data or .dat (a table of text), also with .gz .bz2 .xz or .zst"
NPY, PARQUET = (partial(is_file_or_shards, suffixes=suffixes) for suffixes in (NPY_SUFFIXES, PARQUET_SUFFIXES))

READERS = (
    Reader(idx.is_idx_folder, "idx.read_idx_folder", LABEL_OPTIONS),
    Reader(NPY, "npy.read_npy", ("stream",), ".npy (an array), or a folder of them"),
    Reader(npy.is_npz, "npy.read_npz", ("weight", *LABEL_OPTIONS), ".npz (arrays)"),
    Reader(
        PARQUET,
        "parquet.read_parquet",
        (*TABLE_OPTIONS, "stream"),
        ".parquet (a table), or a folder of them",
        "original_parquet",
    ),
    Reader(unpacking.is_text_table, "csv_files.read_csv", TEXT_OPTIONS, TEXT_FORMATS, "original_csv"),
    Reader(
        is_excel,
        "excel.read_excel",
        (*TABLE_OPTIONS, "header"),
        ".xlsx or .xls (a sheet of Excel)",
        "original_sheet",
    ),
    Reader(
        has_suffix(".feather", ".arrow", ".ipc"),
        "arrow_files.read_arrow",
        TABLE_OPTIONS,
        ".feather or .arrow (a table)",
        "original_arrow",
    ),
    Reader(unpacking.is_zipped_table, "csv_files.read_csv", TEXT_OPTIONS, original="original_csv"),
    Reader(has_suffix(".zip"), "images.read_image_zip", IMAGE_OPTIONS, ".zip (images, or one table of text)"),
    Reader(Path.is_dir, "images.read_image_folder", IMAGE_OPTIONS, "a folder of images"),
    Reader(idx.is_idx, "idx.read_idx", LABEL_OPTIONS, "MNIST's format (idx, plain or .gz)"),
)
"""The readers; the first that takes a path reads it."""


def understood() -> str:
    """What `read` can read, in words."""
    formats = [reader.format for reader in READERS if reader.format]
    return f"a built-in data set ({', '.join(BUILTIN)}), or a file or folder: {'; '.join(formats)}"


@checked_arguments
def read(
    source: str | os.PathLike[str] | Frame,
    options: DataOptions = DataOptions(),  # noqa: B008  frozen
    schema: Schema | None = None,
    *,
    grow: bool = False,
) -> Source:
    """Reads data, or checks them where they stay on disk (`options.stream`).

    Args:
        source: A built-in data set's name, or a path; a `Path` is never taken for a name. `FILE.npz:NAME` is one array
            of an archive. Or a table in memory: of pandas, of polars, or of any library that speaks Arrow or the
            dataframe protocol.
        options: How they are read.
        schema: Of a model. The data are then read as what it takes: columns by name, categories by its codes, bits
            drawn where it is a model of bits. Kinds are the model's, whatever `options` say.
        grow: Let the schema grow by categories, ranges and gaps that the model has never seen, for `variate.grow`.

    Raises:
        InputError: If the source is not understood, or its content cannot be read in the way asked for.
    """
    if grow and schema is None:
        raise InputError("schema", "that of a model, which is to grow", "None", "give model.recipe.schema")
    if grow and schema is not None:
        from variate.data.readers.grown import grown_source

        source = _frames().repeatable(source) if is_frame(source) else source
        return grown_source(partial(read, source, options), options, schema)
    if is_frame(source):
        _require_used(IN_MEMORY, options, schema, TABLE_OPTIONS)
        return _frames().read_frame(source, options, schema)
    if not isinstance(source, str | os.PathLike):
        remedy = "give arrays to variate.from_arrays, or as they are to build and fit"
        remedy = "`read` its .collect()" if hasattr(source, "collect") else remedy
        raise InputError("source", "the name of a data set, a path, or a table", told(source), remedy)
    name = os.fsdecode(source)
    with _refusing_unreadable(name):
        if isinstance(source, str) and name in BUILTIN:
            _require_used(name, options, schema, TABLE_OPTIONS if name in BUILTIN_TABLES else LABEL_OPTIONS)
            return BUILTIN[name](options, schema)
        path = _as_path(name)
        reader = _reader_of(name, path)
        _require_used(name, options, schema, reader.uses)
        with memory.refusing_shortage(name):
            return reader.load()(path, options, schema)


def read_original(source: str | Frame, options: DataOptions, schema: Schema) -> "Original":
    """Reads a table for a model and keeps it as it came.

    Args:
        source: Its path, or the table itself.
        options: How it is read.
        schema: Of the model.

    Raises:
        InputError: If it is no table, or cannot be read as what the model takes.
    """
    if not isinstance(source, str):
        return _frames().original_frame(source, options, schema)
    expected = "a file with a table, whose cells may be missing"
    if source in BUILTIN_TABLES:
        from variate.data.readers.originals import original_of

        return original_of(BUILTIN_TABLES[source](), source, options, schema)
    if source in BUILTIN:
        raise InputError("data", expected, repr(source), "impute rows in memory by `impute` in Python")
    with _refusing_unreadable(source):
        path = _as_path(source)
        reader = _reader_of(source, path)
        if not reader.original:
            raise InputError(source, expected, "a file of another kind", "impute rows in memory by `impute` in Python")
        with memory.refusing_shortage(source):
            return reader.load_original()(path, options, schema)


def _frames() -> ModuleType:
    """The reader of tables in memory."""
    return importlib.import_module("variate.data.readers.frames")


@contextmanager
def _refusing_unreadable(name: str) -> Iterator[None]:
    """Says in a sentence what the system does not let us read.

    Raises:
        InputError: In place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else name
        raise InputError(file, "a file or folder that can be read", error.strerror or str(error)) from None


def _as_path(source: str) -> Path:
    """The path that a source is.

    Raises:
        InputError: If it cannot be one.
    """
    if "\0" in source:
        raise InputError("source", understood(), f"a text with a NUL character, {source!r}")
    try:
        return Path(source).expanduser()
    except RuntimeError:
        got = f"{source!r}, the home of a user who does not exist"
        raise InputError("source", "a file or folder that exists", got, "give the whole path") from None


def _reader_of(source: str, path: Path) -> Reader:
    """The reader for a path.

    Raises:
        InputError: If there is none.
        OSError: If the system does not let us see whether the path exists.
    """
    if not source:
        raise InputError("source", understood(), "an empty text", "to read this folder, give '.'")
    try:
        mode = npy.archive_and_key(path)[0].stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(source, path) from None
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # says that the folder cannot be read, if so, before any file in it is looked for
    elif not stat.S_ISREG(mode):
        raise InputError(source, "a file or folder", odd_kind(mode), "save the data to a file")
    found = next((reader for reader in READERS if reader.takes(path)), None)
    if found is None:
        raise InputError(source, understood(), "a file of another type", "convert it to one of these")
    return found


def _missing(source: str, path: Path) -> InputError:
    """The error about a path that does not exist."""
    if not path.is_absolute() and not _has_folder():
        got = "a path that begins in the working directory, which was deleted"
        return InputError(source, "a file or folder that exists", got, "go to another directory")
    known = f"a built-in data set ({', '.join(BUILTIN)}), or a file or folder that exists"
    return InputError("source", known, repr(source), did_you_mean(source, BUILTIN))


def _has_folder() -> bool:
    """Whether there is a working directory."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _require_used(source: str, options: DataOptions, schema: Schema | None, uses: tuple[str, ...]) -> None:
    """Refuses an option that would have no effect; a model's own options are not checked."""
    if schema is not None:
        return
    for name, needed in SPECIAL_OPTIONS.items():
        value = getattr(options, name)
        is_given = value == "on" if name == "stream" else value != getattr(DataOptions(), name)
        if is_given and name not in uses:
            remedy = Sentence("leave out ", Option(name))
            raise InputError(name, f"{needed} to use it on", source, remedy)
