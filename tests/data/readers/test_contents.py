"""Arrays, tables and images in bytes: what they hold comes out, and what they only claim costs nothing."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.readers.contents import array_bytes, array_in, images_in, table_bytes, table_in
from variate.errors import InputError

TABLE = pa.table(
    {
        "number": pa.array([1.5, None, 3.0]),
        "text": ["a", None, "ccc"],
        "view": pa.array(["x" * 20, "", None], pa.string_view()),
        "kind": pa.array(["u", "v", "u"]).dictionary_encode(),
        "day": pa.array([0, 1, None], pa.date32()),
        "nothing": pa.nulls(3),
        "amount": pa.array(["1.50", "2.25", None]).cast(pa.decimal128(5, 2)),
    }
)


ARRAYS = {
    "rows": np.arange(6).reshape(2, 3),
    "columns": np.asfortranarray(np.eye(3)[:2]),
    "bits": np.array([[True]]),
    "big-endian": np.ones((2, 2), ">f4"),
    "empty": np.zeros((0, 2)),
}


@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS)
def test_arrays_come_back(values):
    content = array_bytes(values)
    found = array_in(content, "rows")
    assert found.dtype == values.dtype
    assert (found == values).all()
    assert found.shape == values.shape
    assert not found.size or np.shares_memory(found, np.frombuffer(content, np.uint8))


@pytest.mark.parametrize("form", [pa.ipc.new_stream, pa.ipc.new_file])
def test_tables_come_back_from_streams_and_files(form):
    stream = pa.BufferOutputStream()
    with form(stream, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=2)
    assert table_in(stream.getvalue().to_pybytes(), "rows", 3, 1000).equals(TABLE)
    assert table_in(table_bytes(TABLE), "rows", 3, 1000).equals(TABLE)


def test_a_table_takes_no_memory_of_its_own():
    content = table_bytes(pa.table({"x": np.arange(100_000.0)}))
    before = pa.total_allocated_bytes()
    found = table_in(content, "rows", 100_000, 1)
    assert pa.total_allocated_bytes() - before < 10_000
    assert found["x"][99_999].as_py() == 99_999


@pytest.mark.parametrize(
    ("column", "rows", "size", "expected"),
    [
        (["a", "b", "c"], 2, 100, "at most 2 rows"),
        (pa.array(["x" * 50]).dictionary_encode().take(pa.array([0] * 3)), 3, 149, "at most 149 bytes of text"),
        (pa.array(["x" * 50] * 3, pa.string_view()), 3, 149, "at most 149 bytes of text"),
        ([[1], [2], [3]], 3, 100, "numbers, dates or text"),
        ([{"a": 1}] * 3, 3, 100, "numbers, dates or text"),
        ([b"1"] * 3, 3, 100, "numbers, dates or text"),
        (pa.RunEndEncodedArray.from_arrays([3], [1]), 3, 100, "numbers, dates or text"),
        (pa.array([[1.0]] * 3, pa.list_(pa.float64(), 1)), 3, 100, "numbers, dates or text"),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1] * 3, pa.int8())), 3, 100, "numbers, dates or text"),
    ],
)
def test_what_would_grow_is_refused(column, rows, size, expected):
    with pytest.raises(InputError) as error:
        table_in(table_bytes(pa.table({"x": column})), "rows", rows, size)
    assert error.value.expected.startswith(expected)


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize("is_dictionary", [False, True])
def test_compressed_buffers_are_refused_before_they_are_unpacked(codec, is_dictionary):
    words = pa.array(["x" * 1000])
    column = words.dictionary_encode() if is_dictionary else words
    table, stream = pa.table({"x": column}), pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table)
    with pytest.raises(InputError) as error:
        table_in(stream.getvalue().to_pybytes(), "rows", 1, 10_000)
    assert error.value.got == "one with compressed buffers"


def test_damaged_bytes_are_refused_in_words():
    rng = np.random.default_rng(0)
    right = {array_in: array_bytes(np.eye(4)), table_in: table_bytes(TABLE)}
    for read, content in right.items():
        limits = () if read is array_in else (3, 1000)
        for place in range(0, len(content), 7):
            with pytest.raises(InputError):
                read(content[:place] if place else b"", "rows", *limits)
        for _ in range(500):
            found = bytearray(content)
            for place in rng.integers(0, len(found), 3):
                found[place] = rng.integers(0, 256)
            try:
                read(bytes(found), "rows", *limits)
            except InputError as error:
                assert "rows" in error.argument  # noqa: PT017  other bytes may be another table


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_images_are_read_as_for_the_model():
    pixels = np.arange(48, dtype=np.uint8).reshape(2, 4, 6)
    schema = Schema("pixels", (1, 4, 6), 256)
    found = images_in([png(own) for own in pixels], "images", DataOptions(), schema)
    assert (found.x.all() == pixels[:, None]).all()
    smaller = images_in([png(pixels[0])], "images", DataOptions(size=(2, 3)), Schema("pixels", (1, 2, 3), 256))
    assert smaller.x.shape == (1, 2, 3)


@pytest.mark.parametrize("contents", [[b""], [b"no image"], [png(np.zeros((4, 6), np.uint8)), b"no image"]])
def test_every_image_has_to_be_one(contents):
    with pytest.raises(InputError) as error:
        images_in(contents, "images", DataOptions(), Schema("pixels", (1, 4, 6), 256))
    assert error.value.argument == "images"
    assert f"image {len(contents) - 1}" in str(error.value)
