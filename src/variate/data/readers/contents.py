"""Arrays, tables and images in bytes that came over a network, from anyone.

What they claim is compared with what they hold before any memory is taken. Numbers of arrays and cells of tables stay
where they are in the bytes, so that they take no more memory than these; what would grow when it is unpacked is
refused: compressed buffers, lists and records, text that many cells share and that would be copied for each of them.
"""

import io
import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
from pyarrow import compute, ipc

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.arrow_files import FILE
from variate.data.readers.decoding import decoding
from variate.data.readers.image_listing import ImageEntry, ImageListing
from variate.data.readers.images import read_images
from variate.data.readers.npy import read_npy_header
from variate.data.schema.naming import column_called
from variate.data.source import Source
from variate.data.wording import plural
from variate.errors import InputError

PADDING = 8
"""Bytes before the stream that a file of Arrow holds."""
RECORD_BATCH, DICTIONARY = "record batch", "dictionary"
"""Messages of Arrow that hold cells."""
HEADER, COMPRESSION, DICTIONARY_CELLS = 2, 3, 1
"""Places in Arrow's tables of metadata: of a message's header, of a batch's compression, of a dictionary's batch."""


def array_in(content: bytes, name: str) -> np.ndarray:
    """The array that `numpy.save` wrote, in the memory of its bytes.

    Args:
        content: The bytes.
        name: What errors call them.

    Raises:
        InputError: If they are no array of numbers, or hold less or more than they say.
    """
    header = read_npy_header(io.BufferedReader(io.BytesIO(content)), len(content), name)
    rest = len(content) - header.offset - header.size
    if rest:
        raise InputError(name, "one array", f"{rest:,} bytes after it", "save it again")
    count = header.size // header.dtype.itemsize
    values = np.frombuffer(content, header.dtype, count, header.offset) if count else np.empty(0, header.dtype)
    return values.reshape(header.shape, order="F" if header.by_columns else "C")


def array_bytes(values: np.ndarray) -> bytes:
    """An array as `numpy.save` writes it."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def table_in(content: bytes, name: str, most_rows: int, most_bytes: int) -> pa.Table:
    """The table in a stream or a file of Arrow, in the memory of its bytes.

    Args:
        content: The bytes.
        name: What errors call them.
        most_rows: Rows that it may have.
        most_bytes: Bytes that the text of a column may have, cell by cell.

    Raises:
        InputError: If they are damaged or compressed, or hold too many rows, or cells that are neither numbers, dates
            nor text.
    """
    buffer = pa.py_buffer(content)
    if content.startswith(FILE):
        buffer = buffer[PADDING:]
    batches, rows = [], 0
    with decoding(name, "a complete stream or file of Arrow", "write it again"):
        _refuse_compressed(buffer, name)
        reader = ipc.open_stream(buffer)
        _refuse_nested(reader.schema, name)
        for batch in reader:
            rows += batch.num_rows
            if rows > most_rows:
                got = "more"
                raise InputError(name, f"at most {plural(most_rows, 'row')} at a time", got, "send them in parts")
            batch.validate(full=True)  # before anything is asked of it
            batches.append(batch)
        table = pa.Table.from_batches(batches, reader.schema)
        names = table.column_names  # which may be no text
    for own, column in zip(names, table.columns, strict=True):
        if _text_bytes(column) > most_bytes:
            expected = f"at most {most_bytes:,} bytes of text, cell by cell"
            raise InputError(f"{column_called(own)} of {name}", expected, "more", "send fewer rows at a time")
    return table


def table_bytes(table: pa.Table) -> bytes:
    """A table as a stream of Arrow."""
    stream = pa.BufferOutputStream()
    with ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return bytes(stream.getvalue().to_pybytes())


def _refuse_compressed(buffer: pa.Buffer, name: str) -> None:
    """Refuses buffers that are to be unpacked: a few bytes may say that they become any number.

    Raises:
        InputError: If there are such.
        Exception: Anything, if the stream is damaged.
    """
    for message in ipc.MessageReader.open_stream(pa.BufferReader(buffer)):
        if message.type in (RECORD_BATCH, DICTIONARY) and _is_compressed(message):
            got = "one with compressed buffers"
            raise InputError(name, "an uncompressed stream or file of Arrow", got, "write it without compression")


def _is_compressed(message: ipc.Message) -> bool:
    """Whether a message of Arrow says that its cells are compressed, told from its metadata, which are FlatBuffers."""
    metadata = message.metadata.to_pybytes()
    batch = _pointed(metadata, _field(metadata, _pointed(metadata, 0), HEADER))
    if message.type == DICTIONARY:
        batch = _pointed(metadata, _field(metadata, batch, DICTIONARY_CELLS))
    return bool(_field(metadata, batch, COMPRESSION))


def _pointed(metadata: bytes, place: int) -> int:
    """The place that an offset in FlatBuffers points to."""
    (offset,) = struct.unpack_from("<I", metadata, place)
    return place + int(offset)


def _field(metadata: bytes, table: int, number: int) -> int:
    """The place of a field of a table in FlatBuffers; 0 if the table does not have it."""
    (back,) = struct.unpack_from("<i", metadata, table)
    (size,) = struct.unpack_from("<H", metadata, table - back)
    entry = 4 + 2 * number
    if entry + 2 > size:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, table - back + entry)
    return table + int(offset) if offset else 0


def _refuse_nested(schema: pa.Schema, name: str) -> None:
    """Refuses columns whose cells hold more than one value, or are repeated without being there.

    Raises:
        InputError: If there is one.
    """
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        is_view = pa.types.is_string_view(kind) and pa.types.is_dictionary(field.type)
        if pa.types.is_nested(kind) or pa.types.is_run_end_encoded(kind) or is_view or _is_foreign(kind):
            argument = f"{column_called(field.name)} of {name}"
            raise InputError(argument, "numbers, dates or text", f"values of type {field.type}", "leave it out")


def _is_foreign(kind: pa.DataType) -> bool:
    """Whether a type is an extension, or one of bytes."""
    is_of_bytes = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    return isinstance(kind, pa.BaseExtensionType) or is_of_bytes


def _text_bytes(column: pa.ChunkedArray) -> int:
    """Bytes of the text of all cells where cells can share it, which their memory does not show; 0 for others."""
    found = 0
    for chunk in column.chunks:
        if pa.types.is_string_view(chunk.type):
            views = np.frombuffer(chunk.buffers()[1], np.int32).reshape(-1, 4)  # each begins with its length
            found += int(views[chunk.offset : chunk.offset + len(chunk), 0].sum(dtype=np.int64))
        elif pa.types.is_dictionary(chunk.type) and not pa.types.is_primitive(chunk.type.value_type):
            lengths = compute.binary_length(chunk.dictionary.cast(pa.large_string()))
            found += compute.sum(lengths.take(chunk.indices)).as_py() or 0
    return found


def images_in(contents: Sequence[bytes], name: str, options: DataOptions, schema: Schema) -> Source:
    """Images as a model takes them.

    Args:
        contents: The bytes of each file.
        name: What errors call them.
        options: As the model's own images were read.
        schema: Of the model.

    Raises:
        InputError: If one of them cannot be read, or is not what the model takes.
    """
    entries = [ImageEntry(f"image {place}", partial(io.BytesIO, own)) for place, own in enumerate(contents)]
    plain = DataOptions(size=options.size, mode=options.mode, transparency=options.transparency)
    source = read_images(ImageListing(tuple(entries), ()), name, plain, replace(schema, conditions=()))
    if len(source) < len(contents):
        got = next((note for note in source.notes if "image " in note), "one that cannot be read")
        raise InputError(name, "images that can be read", got, "leave it out, or save it again")
    return source
